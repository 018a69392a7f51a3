import Catalog
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Pipeline

/// What imports announce: their ends, each once, and to those who want them the changes.
@Suite struct ImportEventTests {
    private func addWebhook(_ run: ImportRun, _ events: String) async throws {
        let selection = try EventSelection(joined: events)
        try await run.database.session.run {
            _ = try WebhookStore($0).insert(
                url: "http://127.0.0.1/", events: selection, isEnabled: true, secret: WebhookSecret.random().text)
        }
    }

    private func events(_ run: ImportRun) async throws -> [[String: Any]] {
        let bodies: [String] = try await run.database.session.run { connection in
            try connection.query(
                """
                SELECT convert_from(e.body, 'UTF8') FROM webhook_events e
                JOIN webhook_deliveries d ON d.event_id = e.id ORDER BY d.id
                """
            ).map { try $0[0] }
        }
        return try bodies.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test func announcesEveryEndWithItsFinalProgress() async throws {
        try await ImportRun.with { run in
            try await addWebhook(run, "*")
            let completed = try await run("sku,name\nA,Lamp\n")
            let failed = try await run("name\nLamp\n")
            let dry = try await run("sku,name\nB,Cup\n", dryRun: true)
            let cancellation = ImportCancellation()
            cancellation.request()
            let cancelled = try await run("sku,name\nC,Box\n", cancellation: cancellation)
            let events = try await events(run)
            #expect(
                events.map { $0["type"] as? String }
                    == ["import.completed", "import.failed", "import.completed", "import.failed"])
            let data = events.compactMap { $0["data"] as? [String: Any] }
            #expect(data.map { $0["id"] as? String } == [completed, failed, dry, cancelled].map(\.id))
            #expect(
                data.map { $0["state"] as? String } == ["completed", "failed", "completed", "cancelled"])
            #expect(data.map { $0["dry_run"] as? Bool } == [false, false, true, false])
            #expect((data[0]["rows"] as? [String: Any])?["created"] as? Int == 1)
        }
    }

    @Test func makesNothingWhenNobodyListens() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,Lamp\n")
            try await addWebhook(run, "product.deleted")
            try await run("sku,name\nA,Cup\n")
            #expect(try await run.database.value("SELECT count(*) FROM webhook_events") == 0)
        }
    }

    @Test func starDoesNotIncludeTheFeed() async throws {
        try await ImportRun.with { run in
            try await addWebhook(run, "*")
            try await run("sku,name\nA,Lamp\n")
            #expect(try await events(run).map { $0["type"] as? String } == ["import.completed"])
        }
    }

    @Test func theFeedHasOldAndNewOfWhatChanged() async throws {
        try await ImportRun.with { run in
            try await run("sku,name,description,active\nA,Lamp,old,yes\nB,Cup,same,yes\nC,Box,x,yes\n")
            try await addWebhook(run, "products.changed")
            let end = try await run(
                "sku,name,description,active\na,\"Lamp \"\"1\"\"\",old,no\nB,Cup,same,yes\nD,Tüte,\"n\new\",yes\n")
            let events = try await events(run)
            try #require(events.count == 1)
            let data = try #require(events[0]["data"] as? [String: Any])
            let batch = try #require(data["batch"] as? [String: Any])
            #expect(batch["import_id"] as? String == end.id)
            #expect(batch["index"] as? Int == 1 && batch["total"] as? Int == 1)
            let products = try #require(data["products"] as? [[String: Any]])
            #expect(products.count == 2)
            let updated = try #require(products.first { $0["change"] as? String == "updated" })
            #expect(updated["sku"] as? String == "a")
            let old = try #require(updated["old"] as? [String: Any])
            let new = try #require(updated["new"] as? [String: Any])
            #expect(old as NSDictionary == ["sku": "A", "name": "Lamp", "active": true] as NSDictionary)
            #expect(new as NSDictionary == ["sku": "a", "name": "Lamp \"1\"", "active": false] as NSDictionary)
            let created = try #require(products.first { $0["change"] as? String == "created" })
            #expect(
                created["new"] as? NSDictionary
                    == ["sku": "D", "name": "Tüte", "description": "n\new", "active": true] as NSDictionary)
            #expect(created["old"] == nil)
        }
    }

    @Test func theFeedIsCutIntoMessages() async throws {
        try await ImportRun.with { run in
            try await addWebhook(run, "products.changed,import.completed")
            let small = (0..<1201).map { "S-\($0),Name,d\n" }.joined()
            let large = (0..<4).map { "L-\($0),Name,\(String(repeating: "\"\"", count: 200_000))\n" }
            try await run("sku,name,description\n" + small + large.map { quoted($0) }.joined())
            let sizes: [Int] = try await run.database.session.run { connection in
                try connection.query("SELECT octet_length(body) FROM webhook_events").map { try $0[0] }
            }
            #expect(sizes.allSatisfy { $0 <= 256 << 10 })
            let feed = try await events(run).filter { $0["type"] as? String == "products.changed" }
            let data = feed.compactMap { $0["data"] as? [String: Any] }
            let batches = data.compactMap { $0["batch"] as? [String: Any] }
            #expect(batches.map { $0["index"] as? Int } == Array(1...feed.count))
            #expect(batches.allSatisfy { $0["total"] as? Int == feed.count })
            let products = data.compactMap { $0["products"] as? [[String: Any]] }
            #expect(products.allSatisfy { $0.count <= 500 })
            #expect(products.joined().count == 1205)
            #expect(products.joined().count { $0["truncated"] as? Bool == true } == 4)
        }
    }

    /// The third cell in quotes.
    private func quoted(_ line: String) -> String {
        let cells = line.dropLast().split(separator: ",", maxSplits: 2)
        return "\(cells[0]),\(cells[1]),\"\(cells[2])\"\n"
    }

    @Test func unchangedProductsAreNoChange() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,Lamp\nB,Cup\n")
            try await addWebhook(run, "products.changed")
            try await run("sku,name\nA,Lamp\nB,Cup\n")
            #expect(try await events(run).isEmpty)
        }
    }
}
