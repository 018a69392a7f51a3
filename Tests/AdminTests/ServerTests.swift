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
}
