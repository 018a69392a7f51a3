internal import AsyncHTTPClient
internal import CLinux
package import Catalog
internal import FoundationEssentials
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Sends one delivery once: checks where it goes, signs it, and says what came of it. It never throws.
package struct WebhookSender: Sendable {
    private let options: WebhookOptions
    private let destinations: WebhookDestinations
    private let clients: WebhookClients

    package init(_ options: WebhookOptions) { self.init(options, destinations: options.destinations) }

    init(_ options: WebhookOptions, destinations: WebhookDestinations, tls: TLSConfiguration? = nil) {
        self.options = options
        self.destinations = destinations
        clients = WebhookClients(
            seconds: options.timeoutSeconds, connections: max(options.limits.perWebhook, 32), tls: tls)
    }

    private static let maximumRead = 64 << 10
    private static let maximumKept = 16 << 10

    /// Closes the connections. Nothing may be sent afterwards.
    package func shutdown() async { await clients.shutdown() }

    /// One attempt, and what follows from it. When the task is cancelled, the attempt was interrupted.
    package func attempt(_ delivery: DueDelivery) async -> DeliveryResult {
        let start = Date()
        let outcome = await send(delivery, at: start)
        let verdict = options.retries.verdict(
            outcome, failures: delivery.failures, isManual: delivery.isManual, spread: .random(in: 0.8...1.2))
        let next: DeliveryResult.Next =
            switch verdict {
            case .delivered: .delivered
            case .failed: .failed
            case .again: .interrupted
            case .retry(let seconds): .retry(after: seconds)
            case .disable:
                .disable(reason: "The receiver answered 410 Gone: it does not want these messages any more.")
            }
        var result = DeliveryResult(delivery, startedAt: start, next: next)
        result.status = outcome.status
        result.error = outcome.error?.name
        result.message = outcome.message
        result.responseMilliseconds = outcome.milliseconds
        result.responseHead = outcome.head
        result.responseBody = outcome.body
        return result
    }

    private func send(_ delivery: DueDelivery, at time: Date) async -> AttemptOutcome {
        let clock = ContinuousClock()
        let start = clock.now
        let deadline = start + .seconds(options.timeoutSeconds)
        let host = (try? WebhookDestinations.read(delivery.url).host) ?? "The receiver"
        do {
            let destination = try await destinations.check(delivery.url, until: deadline)
            let request = request(delivery, to: destination, at: time)
            return try await clients.with(destination) { client in
                let left = max(.zero, deadline - clock.now)
                let response = try await client.execute(
                    request, deadline: .now() + .nanoseconds(Int64(left / .nanoseconds(1))))
                let latency = clock.now - start
                let body = await WebhookSender.read(response.body, until: deadline)
                return WebhookSender.outcome(response, body, latency, host: host)
            }
        } catch {
            guard !Task.isCancelled else { return WebhookSender.interrupted }
            return AttemptOutcome(error, host: host, seconds: options.timeoutSeconds)
        }
    }

    private static let interrupted = AttemptOutcome(
        error: .interrupted,
        message: "The program was stopped before the answer was known. It is sent again, with the same webhook-id.")

    // MARK: Request

    private func request(
        _ delivery: DueDelivery, to destination: WebhookDestinations.Destination, at time: Date
    ) -> HTTPClientRequest {
        let timestamp = Int(time.timeIntervalSince1970)
        let signatures = [delivery.secret, delivery.previousSecret].compactMap { $0.flatMap { WebhookSecret($0) } }
            .map { $0.signature(id: delivery.messageID, timestamp: timestamp, body: delivery.body) }
        var request = HTTPClientRequest(url: destination.url)
        request.method = .POST
        request.headers = [
            "content-type": "application/json", "user-agent": "product-importer",
            "webhook-id": delivery.messageID, "webhook-timestamp": "\(timestamp)",
            "webhook-signature": signatures.joined(separator: " "),
        ]
        request.body = .bytes(ByteBuffer(bytes: delivery.body))
        return request
    }

    // MARK: Response

    /// Reads what is needed of the body and leaves the rest: a receiver that goes on for ever is cut off.
    private static func read(
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

    private static func outcome(
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
