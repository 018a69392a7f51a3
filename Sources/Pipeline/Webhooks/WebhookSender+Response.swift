internal import AsyncHTTPClient
internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import NIOCore
internal import NIOHTTP1

/// What of a response is read, kept and understood.
extension WebhookSender {
    private static let maximumRead = 64 << 10
    private static let maximumKept = 16 << 10

    /// Reads what is needed of the body and leaves the rest: a receiver that goes on for ever is cut off.
    static func read(
        _ body: HTTPClientResponse.Body, until deadline: ContinuousClock.Instant
    ) async -> [UInt8] {
        await withTaskGroup(of: [UInt8]?.self) { group in
            group.addTask {
                var bytes: [UInt8] = []
                do {
                    for try await piece in body {
                        bytes += piece.readableBytesView.prefix(maximumRead - bytes.count)
                        if bytes.count >= maximumRead { break }
                    }
                } catch {}
                return bytes
            }
            group.addTask {
                try? await Task.sleep(until: deadline, clock: .continuous)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            if let first { return first }
            return (await group.next() ?? nil) ?? []
        }
    }

    static func outcome(
        _ response: HTTPClientResponse, _ body: [UInt8], _ latency: Duration, host: String
    ) -> AttemptOutcome {
        let status = Int(response.status.code)
        var outcome = AttemptOutcome(status: status)
        outcome.milliseconds = Int((latency / .milliseconds(1)).rounded())
        let lines = response.headers.map { "\($0.name): \($0.value)" }
        let head = (["\(response.version) \(status) \(response.status.reasonPhrase)"] + lines).joined(separator: "\n")
        outcome.head = text(Array(head.utf8.prefix(maximumKept)))
        outcome.body = text(Array(body.prefix(maximumKept - min(maximumKept, head.utf8.count))))
        switch status {
        case 200..<300: break
        case 300..<400:
            outcome.error = .redirect
            let place = response.headers.first(name: "location").map { " to \($0.prefix(200))" } ?? ""
            outcome.message =
                "\(host) redirects\(place). Redirects are not followed: set the webhook's URL to where it really is."
        default:
            outcome.error = .http(status)
            outcome.message = "\(host) answered \(status) \(response.status.reasonPhrase)."
        }
        outcome.retryAfter = response.headers.first(name: "retry-after").flatMap { retryAfter($0, now: Date()) }
        return outcome
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Seconds, or a date (RFC 9110 §10.2.3).
    static func retryAfter(_ text: String, now: Date) -> Double? {
        let text = String(text.drop { $0 == " " })
        if let seconds = Double(text.prefix { $0 != " " }), seconds.isFinite { return max(0, seconds) }
        var parts = tm()
        guard strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts) != nil else { return nil }
        return max(0, Double(timegm(&parts)) - now.timeIntervalSince1970)
    }
}
