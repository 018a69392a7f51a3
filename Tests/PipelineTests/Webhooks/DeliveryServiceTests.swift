import Catalog
import FoundationEssentials
import Postgres
import TestSupport
import Testing

@testable import Pipeline

/// Leases, limits, shutdown: what holds when several processes deliver, and when one of them dies.
@Suite struct DeliveryServiceTests {
    @Test func twoProcessesNeverSendTheSameAtOnce() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { receiver in
                _ = try await run.addWebhook(receiver.url)
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue(100)
                try await run.delivering {
                    try await run.delivering { _ = try await run.end() }
                }
                #expect(try await run.deliveries().allSatisfy { $0.state == "delivered" && $0.attempts == 1 })
                #expect(receiver.requests.count == 200)
                #expect(Set(receiver.requests.map { $0.headers["webhook-id"] }).count == 100)
            }
        }
    }

    @Test func holdsToItsLimits() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.answer(200, after: .milliseconds(30))) { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue(40)
                try await run.delivering { _ = try await run.end() }
                #expect(receiver.mostAtOnce <= 4)
                #expect(receiver.requests.count == 40)
            }
        }
    }

    @Test func thoseThatHangHoldNobodyUp() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.hang) { hanging in
                try await Receiver.with { healthy in
                    for _ in 0..<5 { _ = try await run.addWebhook(hanging.url) }
                    _ = try await run.addWebhook(healthy.url)
                    try await run.enqueue(30)
                    var options = run.options
                    options.drainSeconds = 0.1
                    let run = DeliveryRun(database: run.database, options: options)
                    try await run.delivering {
                        _ = try await healthy.wait(for: 30)
                        _ = try await run.wait { $0.count { $0.state == "delivered" } == 30 }
                    }
                    #expect(hanging.mostAtOnce <= 20)
                }
            }
        }
    }

    /// As after `kill -9`: a lease that nobody will end.
    @Test func sendsAgainWhatWasInterrupted() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                let limits = DeliveryStore.Limits(total: 1, perWebhook: 1)
                let claimed = try await run.database.session.run {
                    try DeliveryStore($0).claim(limits, lease: UUID(), seconds: 0.5)
                }
                #expect(claimed.count == 1)
                try await run.delivering { _ = try await run.end() }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 2, status: 200)])
                #expect(try await run.log().map(\.error) == ["interrupted", nil])
                #expect(receiver.requests[0].headers["webhook-id"] == claimed[0].messageID)
                // The one who was thought dead comes back: its word counts no more.
                var late = DeliveryResult(claimed[0], startedAt: Date(), next: .failed)
                late.error = "timeout"
                let result = late
                try await run.database.session.run { _ = try DeliveryStore($0).record([result]) }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 2, status: 200)])
            }
        }
    }

    @Test func finishesWhatIsUnderWayBeforeItStops() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.answer(200, after: .milliseconds(400))) { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await receiver.wait(for: 1) }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 1, status: 200)])
            }
        }
    }

    @Test func leavesNothingLeasedWhenItStops() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.hang) { receiver in
                var options = run.options
                options.drainSeconds = 0.1
                let run = DeliveryRun(database: run.database, options: options)
                _ = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering { _ = try await receiver.wait(for: 1) }
                #expect(try await run.deliveries() == [.init(state: "pending", attempts: 1, error: "interrupted")])
                let isDue: Bool = try await run.database.value(
                    "SELECT lease IS NULL AND due_at <= now() FROM webhook_deliveries")
                #expect(isDue)
            }
        }
    }

    @Test func signsWithBothSecretsForADay() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { receiver in
                let (older, old, new) = (WebhookSecret.random(), WebhookSecret.random(), WebhookSecret.random())
                let hook = try await run.addWebhook(receiver.url, secret: older)
                for secret in [old, new] {
                    try await run.database.session.run { _ = try WebhookStore($0).rotate(hook, to: secret.text) }
                }
                try await run.enqueue()
                try await run.delivering {
                    _ = try await run.end()
                    // The older one has had its day.
                    try await run.database.execute(
                        """
                        UPDATE webhooks
                        SET previous_secrets = jsonb_set(previous_secrets, '{1,until}', to_jsonb(now() - interval '1 s'))
                        """)
                    try await run.enqueue()
                    _ = try await run.end()
                }
                func signatures(_ request: Receiver.Request, _ secrets: [WebhookSecret]) -> String {
                    secrets.map {
                        $0.signature(
                            id: request.headers["webhook-id"] ?? "",
                            timestamp: Int(request.headers["webhook-timestamp"] ?? "") ?? 0, body: request.body)
                    }.joined(separator: " ")
                }
                let requests = receiver.requests
                #expect(requests[0].headers["webhook-signature"] == signatures(requests[0], [new, old, older]))
                #expect(requests[1].headers["webhook-signature"] == signatures(requests[1], [new, old]))
            }
        }
    }

    @Test(arguments: [(121, 9, false), (119, 9, true), (121, 8, true)])
    func switchesOffWhatHasFailedForDays(hours: Int, failures: Int, staysOn: Bool) async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with(.answer(500)) { receiver in
                var options = run.options
                options.retries = RetryPolicy(schedule: [])
                let run = DeliveryRun(database: run.database, options: options)
                let hook = try await run.addWebhook(receiver.url)
                try await run.database.execute(
                    """
                    UPDATE webhooks SET failures = \(failures), failing_since = now() - \(hours) * interval '1 hour'
                    """)
                try await run.enqueue()
                try await run.delivering { _ = try await run.end() }
                let webhook = try await run.webhook(hook)
                #expect(webhook.isEnabled == staysOn)
                #expect((webhook.disabledReason == nil) == staysOn)
            }
        }
    }

    @Test func whatAPersonSendsBeforeItsTimeKeepsItsPlaceInTheSchedule() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { _, _ in
                .answer(500)
            } _: { receiver in
                let hook = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                let due: Date = try await run.delivering {
                    _ = try await run.wait(60) { $0.allSatisfy { $0.attempts == 1 } }
                    try await run.database.execute("UPDATE webhook_deliveries SET due_at = now() + interval '1 hour'")
                    let (id, due) = try await run.database.session.run { connection in
                        let row = try connection.query("SELECT id, due_at FROM webhook_deliveries")[0]
                        return (try row[0, as: Int.self], try row[1, as: Date.self])
                    }
                    try await run.database.session.run { connection in
                        _ = try connection.transaction { try DeliveryLog(connection).resend(id) }
                    }
                    _ = try await run.wait(60) { $0.allSatisfy { $0.attempts == 2 } }
                    return due
                }
                let kept: Bool = try await run.database.value(
                    """
                    SELECT state = 'pending' AND NOT manual AND failures = 1 AND resume_at IS NULL
                    FROM webhook_deliveries
                    """)
                #expect(kept)
                #expect(try await run.database.value("SELECT due_at FROM webhook_deliveries") == due)
                #expect(try await run.webhook(hook).failures == 1, "it counts for nothing")
            }
        }
    }

    @Test func whatAPersonSendsAgainGoesAlsoToAWebhookThatIsOff() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { number, _ in
                .answer(number == 0 ? 410 : 200)
            } _: { receiver in
                let hook = try await run.addWebhook(receiver.url)
                try await run.enqueue()
                try await run.delivering {
                    _ = try await run.end()
                    let id: Int = try await run.database.value("SELECT id FROM webhook_deliveries")
                    try await run.database.session.run { connection in
                        _ = try connection.transaction { try DeliveryLog(connection).resend(id) }
                    }
                    _ = try await receiver.wait(for: 2)
                    _ = try await run.end()
                }
                #expect(try await run.deliveries() == [.init(state: "delivered", attempts: 2, status: 200)])
                let webhook = try await run.webhook(hook)
                #expect(!webhook.isEnabled && webhook.failures == 1, "it counts for nothing")
            }
        }
    }

    @Test func wakesForWhatIsMadeWhileItSleeps() async throws {
        try await DeliveryRun.with { run in
            try await Receiver.with { receiver in
                _ = try await run.addWebhook(receiver.url)
                try await run.delivering {
                    // The first look finds nothing, and the next would come in a minute.
                    try await Task.sleep(for: .milliseconds(300))
                    try await run.enqueue()
                    _ = try await receiver.wait(for: 1, seconds: 30)
                }
            }
        }
    }
}
