internal import Catalog
internal import Logging

extension WebhookDelivery {
    enum Message: Sendable {
        /// Something may be due.
        case wake
        case ended(DeliveryResult)
        case stop
    }

    /// What the loop knows between two of its turns.
    struct State {
        var results: [DeliveryResult] = []
        var inFlight = 0
        var isStopping = false
        /// When to look again without being woken.
        var next = ContinuousClock.now
        var nextCare = ContinuousClock.now
        var nextPrune = ContinuousClock.now + .seconds(60)
        var failures = 0
        var isMigrated = false

        mutating func take(_ messages: [Message]) {
            for message in messages {
                switch message {
                case .wake: if failures == 0 { next = .now }
                case .stop: isStopping = true
                case .ended(let result):
                    inFlight -= 1
                    results.append(result)
                    if failures == 0 { next = .now }
                }
            }
        }
    }

    /// What one transaction did.
    struct Turn: Sendable {
        var interrupted = 0
        var switchedOff: [DeliveryStore.SwitchedOff] = []
        var claimed: [DueDelivery] = []
        var secondsToNext: Double?
    }

    // MARK: Telling

    func tell(_ results: [DeliveryResult], _ done: Turn) {
        for result in results {
            logger.log(
                level: result.error == nil ? .debug : .info, "webhook attempt ended",
                metadata: [
                    "webhook.id": "\(result.delivery.webhook)", "webhook.delivery": "\(result.delivery.id)",
                    "webhook.status": "\(result.status.map(String.init) ?? "none")",
                    "webhook.error": "\(result.error ?? "none")",
                    "webhook.milliseconds": "\(result.responseMilliseconds.map(String.init) ?? "none")",
                ])
        }
        for webhook in done.switchedOff {
            logger.notice(
                "webhook switched off",
                metadata: ["webhook.id": "\(webhook.webhook)", "webhook.reason": "\(webhook.reason)"])
        }
        if done.interrupted > 0 {
            logger.notice("deliveries were interrupted", metadata: ["webhook.deliveries": "\(done.interrupted)"])
        }
    }
}
