import Catalog
import FoundationEssentials
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

/// Real receivers on loopback: each ends as the rules of delivery say.
@Suite struct WebhookDeliveryTests {
    @Test func sendsTheFrozenBytesSigned() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { receiver in
                let secret = WebhookSecret.random()
                let hook = try await run.addWebhook(receiver.url, secret: secret)
                try await run.enqueue()
                try await run.delivering {
                    let request = try await receiver.wait(for: 1)[0]
                    _ = try await run.end()
                    let id = try #require(request.headers["webhook-id"])
                    let timestamp = try #require(request.headers["webhook-timestamp"].flatMap { Int($0) })
                    #expect(abs(Double(timestamp) - Date().timeIntervalSince1970) < 120)
                    #expect(
                        request.headers["webhook-signature"]
                            == secret.signature(id: id, timestamp: timestamp, body: request.body))
                    #expect(request.headers["content-type"] == "application/json")
                    let stored: [UInt8] = try await run.database.value("SELECT body FROM webhook_events")
                    #expect(request.body == stored)
                    let text = String(decoding: request.body, as: UTF8.self)
                    #expect(text.hasPrefix(#"{"type":"product.created","timestamp":"#))
                    #expect(text.hasSuffix(#""data":{"number":1}}"#))
                }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 1, status: 200)])
                let webhook = try await run.webhook(hook)
                #expect(webhook.lastStatus == 200 && webhook.failures == 0 && webhook.lastAttemptAt != nil)
                #expect(try await run.log()[0].responseHead?.hasPrefix("HTTP/1.1 200 ") == true)
                #expect(try await run.log()[0].responseBody == "ok")
            }
        }
    }

    @Test func sendsTheSameAgainAfterAFailure() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { number, _ in
                .answer(number == 0 ? 500 : 204)
            } _: { receiver in
                let hook = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await run.end() }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 2, status: 204)])
                let requests = receiver.requests
                #expect(requests.count == 2 && requests[0].body == requests[1].body)
                #expect(Set(requests.map { $0.headers["webhook-id"] }).count == 1)
                #expect(try await run.log().map(\.error) == ["http_500", nil])
                #expect(try await run.webhook(hook).failures == 0)
            }
        }
    }

    @Test(arguments: [
        (Receiver.Behaviour.answer(400), "http_400"), (.answer(500), "http_500"), (.reset, "reset"),
        (.garbage, "bad_response"), (.answer(302, headers: ["location: http://127.0.0.1:1/"]), "redirect"),
        (.answer(304), "redirect"),
    ])
    func givesUpAfterTheSchedule(behaviour: Receiver.Behaviour, error: String) async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(behaviour) { receiver in
                let hook = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await run.end() }
                let delivery = try await run.deliveries()[0]
                #expect(delivery.state == "failed" && delivery.attempts == 3 && delivery.error == error)
                #expect(receiver.requests.count == 3)
                let webhook = try await run.webhook(hook)
                #expect(webhook.failures == 3 && webhook.lastError == error && webhook.isEnabled)
                #expect(try await run.log().allSatisfy { $0.message?.isEmpty == false })
            }
        }
    }

    @Test func doesNotFollowRedirects() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { canary in
                let location = "location: \(canary.url)"
                try await Receiver.with(.answer(307, headers: [location])) { receiver in
                    _ = try await run.addWebhook(receiver.url)
                    try await run.enqueue()
                    try await run.delivering { _ = try await run.end() }
                    #expect(receiver.requests.count == 3)
                }
                #expect(canary.connections == 0)
            }
        }
    }

    @Test func waitsNoLongerThanItsTime() async throws {
        try await DeliveryRun.with { run in
            var run = run
            run.options.timeoutSeconds = 0.4
            run.options.retries = RetryPolicy(schedule: [])
            let fixed = run
            try await Receiver.with(.hang) { receiver in
                _ = try await fixed.addWebhook(receiver.url)
                try await fixed.enqueue()
                try await fixed.delivering { _ = try await fixed.end() }
                #expect(try await fixed.deliveries() == [.init(state: "failed", attempts: 1, error: "timeout")])
                #expect(try await fixed.log()[0].message == "No answer in 0.4 s.")
            }
        }
    }

    @Test func readsNoMoreThanItNeeds() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.endless) { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await run.end() }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 1, status: 200)])
                let kept = try await run.log()[0]
                let size = (kept.responseHead?.utf8.count ?? 0) + (kept.responseBody?.utf8.count ?? 0)
                #expect(size > 8 << 10 && size <= 16 << 10)
            }
        }
    }

    @Test func goneSwitchesTheWebhookOff() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.answer(410)) { receiver in
                let hook = try await run.addWebhook(receiver.url)
                try await run.enqueue(8)
                try await run.delivering { _ = try await run.end() }
                #expect(try await run.deliveries().allSatisfy { $0.state == "failed" })
                #expect(receiver.requests.count <= 4, "no more than were under way")
                let webhook = try await run.webhook(hook)
                #expect(!webhook.isEnabled && webhook.disabledReason?.contains("410") == true)
                try await run.enqueue()
                #expect(try await run.deliveries().count == 8, "nothing is made for a webhook that is off")
            }
        }
    }

    @Test func heedsRetryAfter() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.answer(429, headers: ["retry-after: 3600"])) { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await run.wait { $0.first?.attempts == 1 } }
                let seconds: Double = try await run.database.value(
                    "SELECT extract(epoch FROM due_at - now())::float8 FROM webhook_deliveries")
                #expect((3000...3600).contains(seconds))
                #expect(receiver.requests.count == 1)
            }
        }
    }

    @Test func needsACertificateThatIsTrusted() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(tls: true) { _, _ in
                .answer(200)
            } _: { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await run.end() }
                #expect(try await run.deliveries()[0].error == "tls_error")
                #expect(receiver.requests.isEmpty)
            }
        }
    }

    @Test func speaksTLSOnlyWithThoseWhoDo() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.garbage) { receiver in
                _ = try await run.addWebhook(receiver.url.replacing("http:", with: "https:"))
                _ = try await run.addWebhook("http://127.0.0.1:1/")
                _ = try await run.addWebhook("http://nowhere.invalid/")
                try await run.enqueue()
                let resolver = HostResolver { host, deadline in
                    guard host != "nowhere.invalid" else { throw HostResolver.NotFound(message: "no \(host)") }
                    return try await HostResolver.system.resolve(host, deadline)
                }
                var options = run.options
                options.retries = RetryPolicy(schedule: [])
                options.timeoutSeconds = 3
                let plain = DeliveryRun(database: run.database, options: options)
                let destinations = WebhookDestinations(allowed: options.allowed, resolver: resolver)
                try await plain.delivering(destinations: destinations) { _ = try await plain.end() }
                let errors = try await run.deliveries().map(\.error)
                // A server that says nothing we understand may also just let the handshake time out.
                #expect(["tls_error", "timeout", "connect_timeout"].contains(errors[0]))
                #expect(Array(errors.dropFirst()) == ["connect_refused", "dns_error"])
            }
        }
    }

    @Test func neverConnectsWhereItMustNotGo() async throws {
        try await DeliveryRun.with { run in
            var run = run
            run.options.allowed = []
            run.options.retries = RetryPolicy(schedule: [])
            let closed = run
            try await Receiver.with { canary in
                for host in WebhookDestinationsTests.inside {
                    _ = try await closed.addWebhook("http://\(host):\(canary.port)/hook")
                }
                let other = [
                    "unix:///tmp/socket", "http+unix://%2Ftmp%2Fsocket/hook", "http://user@127.0.0.1:\(canary.port)/",
                ]
                for url in other { _ = try await closed.addWebhook(url) }
                try await closed.enqueue()
                try await closed.delivering { _ = try await closed.end() }
                let errors = Set(try await closed.deliveries().map(\.error))
                #expect(errors.isSubset(of: ["blocked_address", "dns_error"]) && errors.contains("blocked_address"))
                #expect(canary.connections == 0)
            }
        }
    }

    /// A name that changes its mind between the look and the connection gains nothing: nobody asks it twice.
    @Test func connectsToTheAddressThatWasChecked() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { receiver in
                // No resolver but ours knows this name, so only the pinned address can have been used.
                let asked = Mutex(0)
                let resolver = HostResolver { _, _ in
                    let turn = asked.withLock { count in
                        count += 1
                        return count
                    }
                    return [IPAddress(turn == 1 ? "127.0.0.1" : "10.0.0.1")!]
                }
                _ = try await run.addWebhook("http://rebinding.invalid:\(receiver.port)/hook")
                try await run.enqueue()
                let destinations = WebhookDestinations(allowed: run.options.allowed, resolver: resolver)
                try await run.delivering(destinations: destinations) {
                    _ = try await run.end()
                    try await run.enqueue()
                    _ = try await run.end()
                }
                #expect(receiver.requests.map { $0.headers["host"] } == ["rebinding.invalid:\(receiver.port)"])
                let second = try await run.deliveries()[1]
                #expect(second.error == "blocked_address", "the name now leads to another address")
                #expect(asked.withLock { $0 } >= 2)
            }
        }
    }
}
