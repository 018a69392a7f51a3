package import FoundationEssentials
package import Postgres

/// The rows of `webhook_deliveries` and `webhook_attempts`, as people see them.
package struct DeliveryLog {
    private let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    package enum State: String, Sendable, Codable { case pending, delivered, failed }

    package struct Entry: Sendable, Equatable {
        package let id: Int
        package let webhook: Int
        package let url: String
        package let event: String
        package let eventID: UUID
        package let importID: ImportID?
        package let state: State
        package let isSending: Bool
        package let attempts: Int
        package let status: Int?
        package let error: String?
        package let responseMilliseconds: Int?
        package let attemptedAt: Date?
        /// When it is tried next; nil once it has ended.
        package let nextAttemptAt: Date?
        package let createdAt: Date
        /// Of the last attempt.
        package let message: String?
        package let responseHead: String?
        package let responseBody: String?

        /// What the receiver saw as `webhook-id`.
        package var messageID: String { webhookMessageID(eventID) }
    }

    package struct Attempt: Sendable, Equatable {
        package let number: Int
        package let isManual: Bool
        package let startedAt: Date
        package let status: Int?
        package let error: String?
        package let message: String?
        package let responseMilliseconds: Int?
        package let responseHead: String?
        package let responseBody: String?
    }

    // MARK: Reading

    /// One page of a webhook's deliveries, newest first.
    package func page(
        webhook: Int, state: State? = nil, offset: Int, limit: Int
    ) throws -> (items: [Entry], total: Int) {
        let total: Int = try connection.query(
            """
            SELECT count(*) FROM webhook_deliveries d
            WHERE d.webhook_id = \(webhook) AND coalesce(d.state = \(state?.rawValue, as: .text), true)
            """)[0][0]
        let rows = try connection.query(
            """
            \(DeliveryLog.select)
            WHERE d.webhook_id = \(webhook) AND coalesce(d.state = \(state?.rawValue, as: .text), true)
            ORDER BY d.id DESC LIMIT \(limit) OFFSET \(offset)
            """)
        return (try rows.map { try Entry($0) }, total)
    }

    /// What one import caused, in the order in which it was made.
    package func caused(by importID: ImportID, offset: Int, limit: Int) throws -> (items: [Entry], total: Int) {
        let total: Int = try connection.query(
            """
            SELECT count(*) FROM webhook_events e JOIN webhook_deliveries d ON d.event_id = e.id
            WHERE e.import_id = \(importID)
            """)[0][0]
        let rows = try connection.query(
            "\(DeliveryLog.select) WHERE e.import_id = \(importID) ORDER BY d.id LIMIT \(limit) OFFSET \(offset)")
        return (try rows.map { try Entry($0) }, total)
    }

    package func find(_ id: Int) throws -> (entry: Entry, attempts: [Attempt], body: [UInt8])? {
        guard let row = try connection.query("\(DeliveryLog.select) WHERE d.id = \(id)").first else { return nil }
        let entry = try Entry(row)
        let body: [UInt8] = try connection.query("SELECT body FROM webhook_events WHERE id = \(entry.eventID)")[0][0]
        let attempts = try connection.query(
            "SELECT \(Attempt.columns) FROM webhook_attempts a WHERE a.delivery_id = \(id) ORDER BY a.id")
        return (entry, try attempts.map { try Attempt($0) }, body)
    }

    /// The last attempts of each of these webhooks, oldest first, without what was answered.
    package func recentAttempts(of webhook: Int? = nil, limit: Int = 30) throws -> [Int: [Attempt]] {
        let rows = try connection.query(
            """
            SELECT a.number, a.manual, a.started_at, a.status, a.error, a.message, a.response_time_ms, NULL::text,
                NULL::text, w.id
            FROM webhooks w CROSS JOIN LATERAL (
                SELECT * FROM webhook_attempts a WHERE a.webhook_id = w.id ORDER BY a.id DESC LIMIT \(limit)) a
            WHERE coalesce(w.id = \(webhook, as: .int8), true) ORDER BY a.id
            """)
        var attempts: [Int: [Attempt]] = [:]
        for row in rows { attempts[try row[9], default: []].append(try Attempt(row)) }
        return attempts
    }

    // MARK: Sending again

    package enum Resend: Sendable { case queued, isBeingSent, unknown }

    /// Makes a delivery due now, whatever became of it. It is sent once, outside the schedule: what still waits for its
    /// next attempt keeps that.
    package func resend(_ id: Int) throws -> Resend {
        let changed = try connection.query(
            """
            UPDATE webhook_deliveries SET due_at = now(), state = 'pending', ended_at = NULL, manual = true,
                resume_at = CASE WHEN manual THEN resume_at WHEN state = 'pending' THEN due_at END
            WHERE id = \(id) AND lease IS NULL
            """
        ).affected
        if changed == 1 {
            try connection.notify(EventStore.channel)
            return .queued
        }
        let isThere = try !connection.query("SELECT FROM webhook_deliveries WHERE id = \(id)").isEmpty
        return isThere ? .isBeingSent : .unknown
    }

    /// The same for all that failed since a time.
    ///
    /// - Returns: how many there are.
    package func resendFailed(webhook: Int, since: Date) throws -> Int {
        let changed = try connection.query(
            """
            UPDATE webhook_deliveries SET due_at = now(), manual = true, state = 'pending', ended_at = NULL
            WHERE webhook_id = \(webhook) AND state = 'failed' AND created_at >= \(since)
            """
        ).affected
        if changed > 0 { try connection.notify(EventStore.channel) }
        return changed
    }

    private static let select: SQL = """
        SELECT d.id, d.webhook_id, w.url, e.type, e.id, e.import_id, d.state, d.lease IS NOT NULL, d.attempts, d.status,
            d.error, d.response_time_ms, d.attempted_at, CASE WHEN d.state = 'pending' THEN d.due_at END, d.created_at,
            a.message, a.response_head, a.response_body
        FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id JOIN webhook_events e ON e.id = d.event_id
        LEFT JOIN LATERAL (
            SELECT * FROM webhook_attempts a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1) a ON true
        """
}

extension DeliveryLog.Entry {
    init(_ row: ResultRow) throws {
        id = try row[0]
        webhook = try row[1]
        url = try row[2]
        event = try row[3]
        eventID = try row[4]
        importID = try row[optional: 5]
        state = DeliveryLog.State(rawValue: try row[6]) ?? .failed
        isSending = try row[7]
        attempts = try row[8]
        status = try row[optional: 9]
        error = try row[optional: 10]
        responseMilliseconds = try row[optional: 11]
        attemptedAt = try row[optional: 12]
        nextAttemptAt = try row[optional: 13]
        createdAt = try row[14]
        message = try row[optional: 15]
        responseHead = try row[optional: 16]
        responseBody = try row[optional: 17]
    }
}

extension DeliveryLog.Attempt {
    static let columns: SQL = """
        a.number, a.manual, a.started_at, a.status, a.error, a.message, a.response_time_ms, a.response_head,
        a.response_body
        """

    init(_ row: ResultRow) throws {
        number = try row[0]
        isManual = try row[1]
        startedAt = try row[2]
        status = try row[optional: 3]
        error = try row[optional: 4]
        message = try row[optional: 5]
        responseMilliseconds = try row[optional: 6]
        responseHead = try row[optional: 7]
        responseBody = try row[optional: 8]
    }
}
