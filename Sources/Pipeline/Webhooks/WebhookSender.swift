internal import AsyncHTTPClient
package import Catalog
internal import FoundationEssentials
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
        let signatures = ([delivery.secret] + delivery.previousSecrets).compactMap { WebhookSecret($0) }
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
}
