import Catalog
import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Pipeline
import Postgres
import TestSupport
import Testing

@testable import Admin

/// The routes of webhooks and deliveries, with a real database and a real receiver.
@Suite struct WebhooksTests {
    @Test func aWebhookLivesThroughItsRoutes() async throws {
        try await WebhooksTests.with { client, _, _ in
            let made = try await client.json(
                "/api/webhooks", .post, #"{"url":"https://example.com/hook","event":"import_complete"}"#)
            #expect(made.status == .created)
            let hook = try WebhookView(made)
            #expect(hook.url == "https://example.com/hook" && hook.enabled)
            #expect(hook.events == ["import.completed"] && hook.event == "import.completed")
            let secret = try #require(hook.secret)
            #expect(WebhookSecret(secret) != nil)
            #expect(hook.lastStatus == nil && hook.disabledReason == nil)

            let path = "/api/webhooks/\(hook.id)"
            let found = try await client.send(path)
            #expect(found.text.contains(#""secret":null"#) && found.text.contains(#""last_attempt_at":null"#))
            let listed = try await client.send("/api/webhooks")
            #expect(!listed.text.contains(secret))
            #expect(try JSONDecoder().decode([WebhookView].self, from: listed.data).map(\.id) == [hook.id])

            let body = #"{"events":["product.created","product.created","products.changed"],"enabled":false}"#
            let changed = try WebhookView(try await client.json(path, .put, body))
            #expect(changed.event == "product.created,products.changed" && !changed.enabled)
            #expect(changed.url == hook.url && changed.secret == nil)
            #expect(try WebhookView(try await client.json(path, .put, #"{"events":"*"}"#)).events == ["*"])

            let rotated = try WebhookView(try await client.json("\(path)/secret", .post, ""))
            #expect(rotated.secret != nil && rotated.secret != secret)

            #expect(try await client.json(path, .delete, "").text == #"{"status":"deleted"}"#)
            for (method, path) in [(HTTPRequest.Method.get, path), (.delete, path), (.post, "\(path)/test")] {
                try expectProblem(try await client.json(path, method, ""), .notFound)
            }
            try expectProblem(try await client.json(path, .put, "{}"), .notFound)
            try expectProblem(try await client.send("/api/webhooks/none"), .notFound)
            try expectProblem(try await client.json("/api/webhooks", .patch, "{}"), .methodNotAllowed)
        }
    }

    @Test(arguments: [
        ("{}", "url"), (#"{"url":"ftp://example.com/"}"#, "url"), (#"{"url":"http://u:p@example.com/"}"#, "url"),
        (#"{"url":"http+unix://%2Ftmp%2Fs/"}"#, "url"), (#"{"url":"http://10.0.0.1/"}"#, "url"),
        (#"{"url":"http://[::1]/"}"#, "url"), (#"{"url":"http://2130706433/"}"#, "url"), (#"{"url":7}"#, "url"),
        (#"{"url":"https://1.1.1.1/","events":["import.begun"]}"#, "events"),
        (#"{"url":"https://1.1.1.1/","events":[]}"#, "events"), (#"{"url":"https://1.1.1.1/","event":""}"#, "event"),
        (#"{"url":"https://1.1.1.1/","event":"webhook.test"}"#, "event"),
        (#"{"url":"https://1.1.1.1/","enabled":"yes"}"#, "enabled"),
    ])
    func saysWhichFieldIsWrong(body: String, field: String) async throws {
        try await WebhooksTests.with(allowed: []) { client, _, _ in
            let response = try await client.json("/api/webhooks", .post, body)
            try expectProblem(response, .unprocessableContent)
            #expect(response.text.contains(#""field":"\#(field)""#), "\(response.text)")
            #expect(try await client.send("/api/webhooks").text == "[]")
        }
    }

    @Test func aMissingURLIsAskedFor() async throws {
        try await WebhooksTests.with(allowed: []) { client, _, _ in
            for body in ["{}", #"{"url":""}"#, #"{"url":" "}"#] {
                let response = try await client.json("/api/webhooks", .post, body)
                #expect(response.text.contains("such as https://example.com/webhook"), "\(response.text)")
            }
        }
    }

    @Test func aTestTellsWhatCameOfIt() async throws {
        try await WebhooksTests.with { client, _, _ in
            try await Receiver.with { number, _ in
                .answer(number == 0 ? 200 : 503)
            } _: { receiver in
                let hook = try await client.addWebhook(receiver.url, enabled: false)
                let good = try TestView(try await client.json("/api/webhooks/\(hook)/test", .post, ""))
                #expect(good.delivered && good.status == 200 && good.error == nil && good.responseTime != nil)
                let bad = try TestView(try await client.json("/api/webhooks/\(hook)/test", .post, "{}"))
                #expect(!bad.delivered && bad.status == 503 && bad.error == "http_503")
                #expect(String(decoding: receiver.requests[0].body, as: UTF8.self).contains("webhook.test"))
                let after = try WebhookView(try await client.send("/api/webhooks/\(hook)"))
                #expect(after.lastStatus == 503 && after.failures == 0 && !after.enabled)
                let log = try await client.send("/api/webhooks/\(hook)/deliveries")
                #expect(log.text.contains(#""total":2"#) && log.text.contains(#""error":"http_503""#))
            }
            let gone = try await client.addWebhook("http://127.0.0.1:1/")
            let refused = try TestView(try await client.json("/api/webhooks/\(gone)/test", .post, ""))
            #expect(!refused.delivered && refused.status == nil && refused.error == "connect_refused")
        }
    }

    @Test func aTestGoesNowhereItMustNot() async throws {
        try await WebhooksTests.with(allowed: []) { client, database, _ in
            try await Receiver.with { canary in
                // As if it had been saved while it was allowed.
                let url = canary.url
                let hook = try await database.session.run {
                    try WebhookStore($0).insert(
                        url: url, events: .all, isEnabled: true, secret: WebhookSecret.random().text
                    ).id
                }
                let answer = try TestView(try await client.json("/api/webhooks/\(hook)/test", .post, ""))
                #expect(!answer.delivered && answer.error == "blocked_address")
                #expect(answer.message?.contains("IMPORTER_WEBHOOK_ALLOW=127.0.0.1") == true)
                #expect(canary.connections == 0)
            }
        }
    }

    @Test func whatWasSentIsThereAndCanBeSentAgain() async throws {
        try await WebhooksTests.with { client, database, _ in
            let hook = try await client.addWebhook("http://127.0.0.1:1/")
            let importID = ImportID.mint()
            try await database.session.run { connection in
                try connection.transaction {
                    let events = EventStore(connection)
                    _ = try events.enqueue(.importCompleted, data: ["n": 1], importID: importID)
                    _ = try events.enqueue(.productCreated, data: ["n": 2])
                }
                try connection.query("UPDATE webhook_deliveries SET state = 'failed', ended_at = now()")
            }
            let list = try await client.send("/api/webhooks/\(hook)/deliveries?state=failed&per_page=1")
            #expect(list.text.contains(#""total":2"#) && list.text.contains(#""event":"product.created""#))
            #expect(
                try await client.send("/api/webhooks/\(hook)/deliveries?state=pending").text.contains(#""total":0"#))
            try expectProblem(try await client.send("/api/webhooks/\(hook)/deliveries?state=x"), .badRequest)
            let caused = try await client.send("/api/imports/\(importID)/deliveries")
            #expect(caused.text.contains(#""total":1"#) && caused.text.contains("import.completed"))

            let id: Int = try await database.value("SELECT min(id) FROM webhook_deliveries")
            #expect(try await client.send("/api/deliveries/\(id)").text.contains(#"{\"n\":1}"#))
            let again = try await client.json("/api/deliveries/\(id)/resend", .post, "")
            #expect(again.status == .accepted && again.text == #"{"deliveries":1,"status":"queued"}"#)
            #expect(
                try await database.value("SELECT count(*) FROM webhook_deliveries WHERE state = 'pending' AND manual")
                    == 1)
            let all = try await client.json(
                "/api/webhooks/\(hook)/resend", .post, #"{"since":"2026-01-01T00:00:00Z"}"#)
            #expect(all.text == #"{"deliveries":1,"status":"queued"}"#)
            let later = try await client.json(
                "/api/webhooks/\(hook)/resend", .post, #"{"since":"2999-01-01T00:00:00.000Z"}"#)
            #expect(later.text.contains(#""deliveries":0"#))
            try expectProblem(
                try await client.json("/api/webhooks/\(hook)/resend", .post, #"{"since":"noon"}"#),
                .unprocessableContent)
            try await database.execute(
                "UPDATE webhook_deliveries SET lease = gen_random_uuid(), leased_until = now() + interval '1 minute'")
            try expectProblem(try await client.json("/api/deliveries/\(id)/resend", .post, ""), .conflict)
            try expectProblem(try await client.json("/api/deliveries/999999/resend", .post, ""), .notFound)
        }
    }

    @Test func pagesEscapeWhatTheyShow() async throws {
        try await WebhooksTests.with { client, _, _ in
            let hook = try await client.addWebhook("https://example.com/?a=%3Cb%3E&x='><script>alert(1)</script>")
            let page = try await client.send("/webhooks/\(hook)")
            #expect(page.status == .ok && !page.text.contains("<script>alert"))
            expectSafeHeaders(page)
            #expect(try await client.send("/webhooks").status == .ok)
            #expect(try await client.send("/static/webhooks.html").headers[.location] == "../webhooks")
            for name in [
                "webhooks.js", "webhook.js", "attempts.js", "deliveries.js", "import-deliveries.js", "webhooks.css",
            ] {
                #expect(try await client.send("/static/\(name)").status == .ok, "\(name)")
            }
            #expect(try await client.send("/webhooks/999").status == .notFound)
        }
    }

    static func with(
        allowed: [Allowance] = [Allowance("127.0.0.1")!],
        _ body: @escaping @Sendable (any TestClientProtocol, TestDatabase, AdminFixture) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            try await AdminFixture.with { fixture in
                var options = fixture.options(database.conninfo)
                options.webhooks.allowed = allowed
                try await fixture.serve(options) { try await body($0, database, fixture) }
                await options.database.close()
            }
        }
    }
}

extension TestClientProtocol {
    fileprivate func json(_ uri: String, _ method: HTTPRequest.Method, _ body: String) async throws -> TestResponse {
        try await execute(
            uri: uri, method: method, headers: [.contentType: "application/json"], body: ByteBuffer(string: body))
    }

    fileprivate func addWebhook(_ url: String, enabled: Bool = true) async throws -> Int {
        let text = String(decoding: try JSONEncoder().encode(url), as: UTF8.self)
        let made = try await json("/api/webhooks", .post, #"{"url":\#(text),"enabled":\#(enabled)}"#)
        return try WebhookView(made).id
    }
}

private struct WebhookView: Decodable {
    var id: Int
    var url: String
    var events: [String]
    var event: String
    var enabled: Bool
    var secret: String?
    var lastStatus: Int?
    var disabledReason: String?
    var failures: Int

    init(_ response: TestResponse) throws {
        self = try JSONDecoder().decode(WebhookView.self, from: response.data)
    }

    enum CodingKeys: String, CodingKey {
        case id, url, events, event, enabled, secret, failures
        case lastStatus = "last_status"
        case disabledReason = "disabled_reason"
    }
}

private struct TestView: Decodable {
    var delivered: Bool
    var status: Int?
    var responseTime: Int?
    var error: String?
    var message: String?

    init(_ response: TestResponse) throws {
        self = try JSONDecoder().decode(TestView.self, from: response.data)
    }

    enum CodingKeys: String, CodingKey {
        case delivered, status, error, message
        case responseTime = "response_time_ms"
    }
}
