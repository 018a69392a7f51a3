import FoundationEssentials
import Postgres
import TestSupport
import Testing

@testable import Catalog

@Suite struct WebhookStoreTests {
    // MARK: Which events

    @Test(arguments: [
        ("*", "*"), ("import_complete", "import.completed"),
        (" import.failed , import.completed ", "import.completed,import.failed"),
        ("*,import.failed", "*"), ("*,products.changed", "*,products.changed"),
        ("products_cleared", "products.cleared"),
        ("product.created,product.created", "product.created"), ("IMPORT.COMPLETED", "import.completed"),
    ])
    func readsEventsAsTheyAreWritten(text: String, expected: String) throws {
        let selection = try EventSelection(joined: text)
        #expect(selection.joined == expected)
    }

    @Test(arguments: ["", ",", "import.begun", "webhook.test", "import.completed,none"])
    func namesTheEventThatDoesNotExist(text: String) {
        do throws(UnknownEvent) {
            _ = try EventSelection(joined: text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.description.contains("import.completed"))
        }
    }

    // MARK: Events and deliveries

    @Test func makesOneDeliveryForEachWebhookThatTakesTheEvent() async throws {
        try await TestDatabase.with { database in
            try await add(database, "*")
            try await add(database, "product.created")
            try await add(database, "product.deleted")
            try await add(database, "*", isEnabled: false)
            try await add(database, "*,products.changed")
            try await database.session.run { connection throws in
                let events = EventStore(connection)
                let productCreated = try events.enqueue(.productCreated, data: ["n": 1])
                #expect(productCreated == 3)
                let productDeleted = try events.enqueue(.productDeleted, data: ["n": 1])
                #expect(productDeleted == 3)
                let productsChanged = try events.enqueue(.productsChanged, data: ["n": 1])
                #expect(productsChanged == 1)
                let isWanted = try events.isWanted(.productsChanged)
                #expect(isWanted)
            }
            #expect(try await database.value("SELECT count(*) FROM webhook_events") == 3)
            #expect(try await database.value("SELECT count(*) FROM webhook_deliveries") == 7)
        }
    }

    @Test func anEventThatIsRolledBackIsNone() async throws {
        struct Stop: Error {}
        try await TestDatabase.with { database in
            try await add(database, "*")
            try? await database.session.run { connection in
                try connection.transaction {
                    _ = try EventStore(connection).enqueue(.productsCleared, data: ["deleted": 1])
                    throw Stop()
                }
            }
            #expect(try await database.value("SELECT count(*) FROM webhook_events") == 0)
        }
    }

    @Test func twoWhoClaimGetDifferentDeliveries() async throws {
        try await TestDatabase.with { database in
            try await add(database, "*")
            try await add(database, "*")
            try await enqueue(database, 5)
            let other = Session(database.conninfo)
            try await database.session.run { connection in
                try connection.execute(script: "BEGIN")
                let mine = try DeliveryStore(connection).claim(
                    .init(total: 5, perWebhook: 4), lease: UUID(), seconds: 60)
                #expect(mine.count == 5)
                // The other does not wait for our transaction.
                try connection.execute(script: "COMMIT")
            }
            let theirs = try await other.run {
                try DeliveryStore($0).claim(.init(total: 32, perWebhook: 4), lease: UUID(), seconds: 60)
            }
            #expect(theirs.count == 3, "four of each webhook are under way, whoever sends them")
            #expect(try await database.value("SELECT count(DISTINCT lease) FROM webhook_deliveries") == 2)
            await other.close()
        }
    }

    @Test func aWebhookThatFailsGetsOneAtATime() async throws {
        try await TestDatabase.with { database in
            try await add(database, "*")
            try await enqueue(database, 5)
            try await database.execute("UPDATE webhooks SET failures = 1, failing_since = now()")
            let claimed = try await database.session.run {
                try DeliveryStore($0).claim(.init(total: 32, perWebhook: 4), lease: UUID(), seconds: 60)
            }
            #expect(claimed.count == 1)
        }
    }

    @Test func switchingOffEndsWhatWasStillToBeSent() async throws {
        try await TestDatabase.with { database in
            let id = try await add(database, "*")
            try await enqueue(database, 2)
            try await database.session.run { connection in
                try connection.transaction {
                    let off = try WebhookStore(connection).update(id, url: nil, events: nil, isEnabled: false)
                    #expect(off?.isEnabled == false)
                }
            }
            #expect(try await database.value("SELECT count(*) FROM webhook_deliveries WHERE state = 'failed'") == 2)
            let count = try await database.session.run { connection in
                try connection.transaction {
                    try DeliveryLog(connection).resendFailed(webhook: id, since: Date(timeIntervalSinceNow: -60))
                }
            }
            #expect(count == 2)
            #expect(
                try await database.value("SELECT bool_and(manual AND state = 'pending') FROM webhook_deliveries")
                    == true)
        }
    }

    @Test func deletingAWebhookDeletesItsLog() async throws {
        try await TestDatabase.with { database in
            let id = try await add(database, "*")
            try await enqueue(database, 2)
            let first = try await database.session.run { try WebhookStore($0).delete(id) }
            let second = try await database.session.run { try WebhookStore($0).delete(id) }
            #expect(first && !second)
            #expect(try await database.value("SELECT count(*) FROM webhook_deliveries") == 0)
        }
    }

    @Test func prunesWhatNobodyNeeds() async throws {
        try await TestDatabase.with { database in
            try await add(database, "*")
            try await enqueue(database, 6)
            // Delivered 8 and 6 days ago, failed 31 and 29 days ago, and two that are still to be sent.
            for (number, state, days) in [
                (1, "delivered", 8), (2, "delivered", 6), (3, "failed", 31), (4, "failed", 29),
            ] {
                try await database.execute(
                    """
                    UPDATE webhook_deliveries SET state = \(state), ended_at = now() - \(days) * interval '1 day'
                    WHERE id = \(number)
                    """)
            }
            let hasMore = try await database.session.run { connection in
                try connection.transaction { try DeliveryStore(connection).prune() }
            }
            #expect(!hasMore)
            let left = "SELECT string_agg(id::text, ',' ORDER BY id) FROM webhook_deliveries" as SQL
            #expect(try await database.value(left) == "2,4,5,6")
            #expect(try await database.value("SELECT count(*) FROM webhook_events") == 4)
        }
    }

    @discardableResult
    private func add(_ database: TestDatabase, _ events: String, isEnabled: Bool = true) async throws -> Int {
        let selection = try EventSelection(joined: events)
        return try await database.session.run {
            try WebhookStore($0).insert(
                url: "https://example.com/", events: selection, isEnabled: isEnabled, secret: "whsec_AAAA"
            ).id
        }
    }

    private func enqueue(_ database: TestDatabase, _ count: Int) async throws {
        for number in 0..<count {
            try await database.session.run {
                _ = try EventStore($0).enqueue(.productCreated, data: ["number": number])
            }
        }
    }
}
