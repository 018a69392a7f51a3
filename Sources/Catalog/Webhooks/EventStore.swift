package import FoundationEssentials
package import Postgres

/// Events on their way out: made in the transaction that causes them, so that they are announced exactly when they are
/// true. Each event's bytes are frozen here; every attempt sends the same.
///
/// ```swift
/// try connection.transaction {
///     let product = try products.insert(…)
///     try EventStore(connection).enqueue(.productCreated, data: product)
/// }
/// ```
package struct EventStore {
    private let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// The deliverers listen here; a NOTIFY is sent when the transaction commits, and only then.
    package static let channel = "webhook_deliveries"

    /// Whether any webhook is told of this event: to be asked before building something large.
    package func isWanted(_ type: EventType) throws -> Bool {
        let wanted: SQL = "SELECT EXISTS (SELECT FROM webhooks WHERE \(EventStore.takes(type)))"
        return try connection.query(wanted, prepared: true)[0][0]
    }

    /// Makes the event and one delivery for each enabled webhook that takes it; nothing when there is none.
    ///
    /// - Parameters:
    ///   - data: the event's `data`; dates are written as everywhere, with milliseconds, in UTC.
    ///   - importID: the import that the event is about.
    /// - Returns: how many webhooks will get it.
    @discardableResult
    package func enqueue(_ type: EventType, data: some Encodable, importID: ImportID? = nil) throws -> Int {
        guard try isWanted(type) else { return 0 }
        return try enqueue(type, json: Data.json(data), importID: importID)
    }

    /// The same with `data` as JSON that is already written.
    @discardableResult
    package func enqueue(
        _ type: EventType, json data: some Sequence<UInt8>, importID: ImportID? = nil, at time: Date = Date()
    ) throws -> Int {
        let rows = try connection.query(
            """
            WITH takers AS (SELECT id FROM webhooks WHERE \(EventStore.takes(type)) ORDER BY id),
            event AS (
                INSERT INTO webhook_events (id, type, import_id, body)
                SELECT \(EventStore.newID(time)), \(type.rawValue), \(importID, as: .uuid),
                    \(EventStore.body(type, data, at: time))
                WHERE EXISTS (SELECT FROM takers) RETURNING id),
            made AS (
                INSERT INTO webhook_deliveries (webhook_id, event_id)
                SELECT takers.id, event.id FROM takers, event ORDER BY takers.id RETURNING 1)
            SELECT count(*) FROM made
            """, prepared: true)
        let count: Int = try rows[0][0]
        if count > 0 { try connection.notify(EventStore.channel) }
        return count
    }

    /// Makes an event for one webhook, whatever it subscribes to, and takes it into work at once under `lease`.
    package func makeTest(webhook: Int, data: some Encodable, lease: UUID, seconds: Double) throws -> DueDelivery? {
        let time = Date()
        let rows = try connection.query(
            """
            WITH hook AS (SELECT id, url, secret FROM webhooks WHERE id = \(webhook)),
            event AS (
                INSERT INTO webhook_events (id, type, body)
                SELECT \(EventStore.newID(time)), \(EventType.webhookTest.rawValue),
                    \(EventStore.body(.webhookTest, try Data.json(data), at: time))
                FROM hook RETURNING id, body),
            made AS (
                INSERT INTO webhook_deliveries (webhook_id, event_id, manual, lease, leased_until)
                SELECT hook.id, event.id, true, \(lease), now() + \(seconds) * interval '1 second' FROM hook, event
                RETURNING id, webhook_id, event_id)
            SELECT made.id, made.webhook_id, hook.url, hook.secret, NULL::text, made.event_id, event.body, 0, true
            FROM made, hook, event
            """)
        return try rows.first.map { try DueDelivery($0, lease: lease) }
    }

    // MARK: What goes out

    private static func newID(_ time: Date) -> UUID { ImportID.mint(at: time).uuid }

    /// `{"type","timestamp","data"}` (Standard Webhooks, "Payload structure").
    static func body(_ type: EventType, _ data: some Sequence<UInt8>, at time: Date) -> [UInt8] {
        Array(#"{"type":"\#(type.rawValue)","timestamp":"\#(ImportProgress.timestamp(time))","data":"#.utf8) + data
            + [UInt8(ascii: "}")]
    }

    /// A condition on `webhooks`. The names of events are our own words.
    static func takes(_ type: EventType) -> SQL {
        let all = type == .productsChanged ? "" : ", '*'"
        return SQL(verbatim: "enabled AND events && ARRAY['\(type.rawValue)'\(all)]")
    }
}

extension Data {
    /// JSON as all of our answers and events have it.
    package static func json(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var value = encoder.singleValueContainer()
            try value.encode(ImportProgress.timestamp(date))
        }
        return try encoder.encode(value)
    }
}
