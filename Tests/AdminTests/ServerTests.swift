import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import Admin

/// Over a real socket.
@Suite struct ServerTests {
    @Test func itTellsWhereItListensWhenThePortIsFree() async throws {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            options.port = 0
            let (addresses, address) = AsyncStream.makeStream(of: ListeningAddress.self)
            let application = try AdminApplication.build(options, logger: Logger(label: "test")) { address.yield($0) }
            try await application.test(.live) { client in
                let told = try #require(await addresses.first { _ in true })
                #expect(told.port == client.port && told.port > 0)
                #expect(told.url == "http://127.0.0.1:\(told.port)/")
                #expect(try await client.send("/health").status == .ok)
                #expect(try await client.send("/nowhere", .head).status == .notFound)
                #expect(try await client.send("/health").status == .ok)
            }
        }
    }

    enum NoRequest: String, CaseIterable {
        case longAddress, longHeader, unknownMethod, unknownVersion, spaceBeforeColon, anotherProtocol

        var text: String {
            let long = String(repeating: "a", count: 100_000)
            return switch self {
            case .longAddress: "GET /\(long) HTTP/1.1\r\nHost: localhost\r\n\r\n"
            case .longHeader: "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: \(long)\r\n\r\n"
            case .unknownMethod: "BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n"
            case .unknownVersion: "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"
            case .spaceBeforeColon: "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"
            case .anotherProtocol: "GET / SMTP\r\n\r\n"
            }
        }

        var status: Int {
            switch self {
            case .longAddress, .longHeader: 431
            case .unknownMethod: 501
            case .unknownVersion: 505
            case .spaceBeforeColon, .anotherProtocol: 400
            }
        }
    }

    /// It never reaches a route, and is answered all the same.
    @Test(arguments: NoRequest.allCases) func whatIsNoRequestGetsAProblem(what: NoRequest) async throws {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            options.port = 0
            let application = try AdminApplication.build(options, logger: Logger(label: "test"))
            try await application.test(.live) { client in
                let port = try #require(client.port)
                // On a thread of its own: blocked ones of the pool would be missing in the server.
                let answer = await withCheckedContinuation { answered in
                    Thread.detachNewThread { answered.resume(returning: ServerTests.send(what.text, to: port)) }
                }
                #expect(answer.hasPrefix("HTTP/1.1 \(what.status) "), "\(answer)")
                #expect(answer.lowercased().contains("\r\ncontent-type: application/problem+json\r\n"))
                #expect(answer.lowercased().contains("\r\nx-content-type-options: nosniff\r\n"))
                #expect(answer.contains("\"status\":\(what.status)") && answer.hasSuffix("}"), "\(answer)")
                #expect(try await client.send("/health").status == .ok)
            }
        }
    }

    /// What comes back on a connection until its end.
    private static func send(_ text: String, to port: Int) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return "not connected" }
        let bytes = Array(text.utf8)
        // The server may have answered and gone before it has read all of it.
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
