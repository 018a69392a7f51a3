package import Postgres

/// The rows of `webhooks`.
package struct WebhookStore {
    private let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// For how long a replaced secret signs beside the new one.
    private static let overlap: SQL = "interval '24 hours'"

    package func all() throws -> [Webhook] {
        try connection.query("SELECT \(Webhook.columns) FROM webhooks ORDER BY id DESC").map { try Webhook($0) }
    }

    package func find(_ id: Int) throws -> Webhook? {
        try connection.query("SELECT \(Webhook.columns) FROM webhooks WHERE id = \(id)").first.map { try Webhook($0) }
    }

    package func insert(url: String, events: EventSelection, isEnabled: Bool, secret: String) throws -> Webhook {
        let rows = try connection.query(
            """
            INSERT INTO webhooks (url, events, enabled, secret)
            VALUES (\(url), string_to_array(\(events.joined), ','), \(isEnabled), \(secret)) RETURNING \(Webhook.columns)
            """)
        return try Webhook(rows[0])
    }

    /// Changes what is given. A webhook that is switched on again starts afresh; one that is switched off gives up what
    /// it still had to send (it can be sent again later). Call it in a transaction.
    ///
    /// - Returns: nil when there is no such webhook.
    package func update(
        _ id: Int, url: String?, events: EventSelection?, isEnabled: Bool?
    ) throws -> Webhook? {
        let rows = try connection.query(
            """
            UPDATE webhooks w SET url = coalesce(\(url, as: .text), w.url),
                events = coalesce(string_to_array(\(events?.joined, as: .text), ','), w.events),
                enabled = coalesce(\(isEnabled, as: .bool), w.enabled),
                disabled_reason = CASE WHEN \(isEnabled, as: .bool) THEN NULL ELSE w.disabled_reason END,
                failures = CASE WHEN \(isEnabled, as: .bool) AND NOT w.enabled THEN 0 ELSE w.failures END,
                failing_since = CASE WHEN \(isEnabled, as: .bool) AND NOT w.enabled THEN NULL ELSE w.failing_since END,
                updated_at = now()
            WHERE w.id = \(id) RETURNING \(Webhook.columns)
            """)
        if isEnabled == false { try DeliveryStore(connection).giveUp(webhook: id) }
        return try rows.first.map { try Webhook($0) }
    }

    /// Deletes a webhook with its deliveries and their log.
    package func delete(_ id: Int) throws -> Bool {
        try connection.query("DELETE FROM webhooks WHERE id = \(id)").affected == 1
    }

    /// Replaces the secret. What is sent in the next 24 hours is signed with both, and with any other that was replaced
    /// less than 24 hours ago.
    package func rotate(_ id: Int, to secret: String) throws -> Webhook? {
        try connection.query(
            """
            UPDATE webhooks SET secret = \(secret), updated_at = now(),
                previous_secrets = jsonb_build_array(
                    jsonb_build_object('secret', secret, 'until', now() + \(WebhookStore.overlap)))
                    || (SELECT coalesce(jsonb_agg(s ORDER BY n), '[]')
                        FROM jsonb_array_elements(previous_secrets) WITH ORDINALITY AS p(s, n)
                        WHERE (s->>'until')::timestamptz > now())
            WHERE id = \(id) RETURNING \(Webhook.columns)
            """
        ).first.map { try Webhook($0) }
    }
}
