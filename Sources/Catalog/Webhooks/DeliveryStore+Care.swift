internal import Postgres

/// What is looked after now and then: interrupted attempts, webhooks that are off, old deliveries.
extension DeliveryStore {
    /// Deliveries whose process has died while it sent them: whether they arrived is not known, so they are due again.
    ///
    /// - Parameter leaseSeconds: how long a lease is, which tells when it was sent.
    /// - Returns: how many there were.
    package func recoverInterrupted(leaseSeconds: Double) throws -> Int {
        try connection.query(
            """
            WITH lost AS (
                SELECT id, leased_until - \(leaseSeconds) * interval '1 second' AS sent_at FROM webhook_deliveries
                WHERE lease IS NOT NULL AND leased_until < now() FOR UPDATE SKIP LOCKED),
            due AS (
                UPDATE webhook_deliveries d SET lease = NULL, leased_until = NULL, attempts = attempts + 1,
                    status = NULL, error = 'interrupted', response_time_ms = NULL, due_at = now()
                FROM lost WHERE d.id = lost.id RETURNING d.id, webhook_id, attempts, manual, sent_at)
            INSERT INTO webhook_attempts (delivery_id, webhook_id, number, manual, started_at, error, message)
            SELECT id, webhook_id, attempts, manual, sent_at, 'interrupted',
                'The program ended before the answer was known. It is sent again, with the same webhook-id.'
            FROM due
            """
        ).affected
    }

    /// Ends what was made while its webhook was being switched off.
    package func giveUpDisabled() throws {
        try connection.query(
            """
            UPDATE webhook_deliveries d SET state = 'failed', ended_at = now() FROM webhooks w
            WHERE w.id = d.webhook_id AND NOT w.enabled AND d.state = 'pending' AND d.lease IS NULL AND NOT d.manual
            """)
    }

    /// Removes up to `limit` deliveries that nobody needs any more: those that arrived after a week, those that failed
    /// after a month; and events that none is left of.
    ///
    /// - Returns: whether there is more.
    package func prune(limit: Int = 1000) throws -> Bool {
        let deliveries = try connection.query(
            """
            DELETE FROM webhook_deliveries WHERE id IN (
                SELECT id FROM webhook_deliveries
                WHERE ended_at < now() - interval '30 days'
                    OR ended_at < now() - interval '7 days' AND state = 'delivered'
                ORDER BY ended_at LIMIT \(limit) FOR UPDATE SKIP LOCKED)
            """
        ).affected
        // An event and its deliveries become visible together, so one without any has lost them.
        let events = try connection.query(
            """
            DELETE FROM webhook_events WHERE id IN (
                SELECT e.id FROM webhook_events e
                WHERE NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = e.id)
                ORDER BY e.id LIMIT \(limit) FOR UPDATE SKIP LOCKED)
            """
        ).affected
        return deliveries == limit || events == limit
    }
}
