import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// The real binary, killed around a delivery: nothing is lost, and what comes twice has the same id.
@Suite(.serialized) struct WebhookTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    private func addWebhook(_ url: String, _ database: TestDatabase) async throws {
        try await database.execute(
            "INSERT INTO webhooks (url, events, secret) VALUES (\(url), ARRAY['*'], \(WebhookTests.secret))")
    }

    @Test func survivesAKillAfterTheReceiverGotTheMessage() async throws {
        try await TestDatabase.with { database in
            try await withTemporaryFolder { folder in
                let program = WebhookTests.program(folder, database)
                // The first time it says nothing, so that the program is killed while it waits for the answer.
                try await Receiver.with { number, _ in
                    number == 0 ? .hang : .answer(200)
                } _: { receiver in
                    try await addWebhook(receiver.url, database)
                    let first = try program.start("watch")
                    try program.drop("products.csv", "sku,name\nA,Lamp\n")
                    _ = try await receiver.wait(for: 1)
                    first.kill()
                    let second = try program.start("watch")
                    let requests = try await receiver.wait(for: 2)
                    try await waitUntilDelivered(database)
                    #expect(second.stop() < .seconds(10))

                    #expect(receiver.requests.count == 2)
                    #expect(requests[0].body == requests[1].body)
                    #expect(requests[0].headers["webhook-id"] == requests[1].headers["webhook-id"])
                    let log = "SELECT string_agg(coalesce(error, 'ok'), ',' ORDER BY id) FROM webhook_attempts" as SQL
                    #expect(try await database.value(log) == "interrupted,ok")
                }
            }
        }
    }

    @Test func announcesWhatWasCommittedAlsoWhenKilledAtOnce() async throws {
        try await TestDatabase.with { database in
            try await withTemporaryFolder { folder in
                let program = WebhookTests.program(folder, database)
                try await Receiver.with { receiver in
                    try await addWebhook(receiver.url, database)
                    for round in 1...3 {
                        let running = try program.start("watch")
                        try program.drop("round-\(round).csv", "sku,name\nA,Lamp \(round)\n")
                        try program.drop("bad-\(round).csv", "name\nLamp\n")
                        try await Task.sleep(for: .milliseconds(Int.random(in: 50...900)))
                        running.kill()
                    }
                    let last = try program.start("watch")
                    for round in 1...3 {
                        _ = try await program.end(of: "round-\(round).csv")
                        _ = try await program.end(of: "bad-\(round).csv")
                    }
                    try await waitUntilDelivered(database)
                    _ = last.stop()
                    // One event of each end, whatever was killed when; repeats have the id of the first.
                    let ids = Set(receiver.requests.map { $0.headers["webhook-id"] })
                    #expect(ids.count == 6)
                    let types = receiver.requests.map { request in
                        (try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])?["type"]
                            as? String
                    }
                    #expect(Set(types) == ["import.completed", "import.failed"])
                    let matching =
                        """
                        SELECT count(*) FROM imports i JOIN webhook_events e ON e.import_id = i.id
                            AND e.type = CASE i.state WHEN 'completed' THEN 'import.completed' ELSE 'import.failed' END
                        """ as SQL
                    #expect(try await database.value(matching) == 6)
                }
            }
        }
    }

    @Test(arguments: [
        ("IMPORTER_WEBHOOK_ALLOW", "10.0.0.0/99"), ("IMPORTER_WEBHOOK_RETRY_SCHEDULE", "soon"),
        ("IMPORTER_WEBHOOK_TIMEOUT_SECONDS", "0"),
    ])
    func saysWhichSettingIsWrong(key: String, value: String) async throws {
        try await withTemporaryFolder { folder in
            let result = try Program(folder: folder, database: "postgresql://127.0.0.1:1/none")
                .run("watch", environment: [key: value])
            #expect(result.status == 2)
            #expect(result.errors.contains(key) && result.errors.contains(value), "\(result.errors)")
        }
    }

    private static func program(_ folder: String, _ database: TestDatabase) -> Program {
        var program = Program(folder: folder, database: database.conninfo)
        program.environment["IMPORTER_WEBHOOK_ALLOW"] = "127.0.0.0/8"
        program.environment["IMPORTER_WEBHOOK_TIMEOUT_SECONDS"] = "1"
        return program
    }

    private func waitUntilDelivered(_ database: TestDatabase) async throws {
        let deadline = ContinuousClock.now + .seconds(90)
        let open = "SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'" as SQL
        while try await database.value(open, as: Int.self) > 0 {
            try #require(ContinuousClock.now < deadline, "something was never delivered")
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
