package import FoundationEssentials
package import Postgres

/// The rows of `webhook_deliveries`, as those see them who send: what is due, what has been tried, what is lost.
/// Call each inside a transaction; none of them has to reach the disk before it is answered (`deliver`).
package struct DeliveryStore {
    let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// How many deliveries may be under way at once.
    package struct Limits: Sendable {
        package var total: Int
        package var perWebhook: Int

        package init(total: Int, perWebhook: Int) {
            self.total = total
            self.perWebhook = perWebhook
        }
    }

    /// Nothing is lost when this is lost with the server's machine: what was sent is sent again, with the same id.
    package func dontWaitForDisk() throws {
        try connection.query("SELECT set_config('synchronous_commit', 'off', true)")
    }

    /// Takes what is due into work, the longest due first, fairly between webhooks. A webhook that fails gets one at a
    /// time, so that many that hang don't use up what is there for all.
    package func claim(_ limits: Limits, lease: UUID, seconds: Double) throws -> [DueDelivery] {
        guard limits.total > 0 else { return [] }
        return try connection.query(
            """
            WITH hooks AS (
                SELECT w.id, w.url, w.secret, w.enabled,
                    (SELECT string_agg(s->>'secret', ' ' ORDER BY n)
                        FROM jsonb_array_elements(w.previous_secrets) WITH ORDINALITY AS p(s, n)
                        WHERE (s->>'until')::timestamptz > now()) AS previous,
                    CASE WHEN w.failures > 0 THEN 1 ELSE \(limits.perWebhook) END - (
                        SELECT count(*) FROM webhook_deliveries b WHERE b.webhook_id = w.id AND b.lease IS NOT NULL)
                        AS free
                FROM webhooks w),
            due AS (
                SELECT d.id, h.url, h.secret, h.previous
                FROM hooks h CROSS JOIN LATERAL (
                    SELECT d.id, d.due_at FROM webhook_deliveries d
                    WHERE d.webhook_id = h.id AND d.state = 'pending' AND d.lease IS NULL AND d.due_at <= now()
                        AND (h.enabled OR d.manual)
                    ORDER BY d.due_at, d.id LIMIT greatest(h.free, 0) FOR UPDATE SKIP LOCKED) d
                ORDER BY h.free DESC, d.due_at, d.id LIMIT \(limits.total))
            UPDATE webhook_deliveries d
            SET lease = \(lease), leased_until = now() + \(seconds) * interval '1 second'
            FROM due, webhook_events e
            WHERE d.id = due.id AND d.lease IS NULL AND e.id = d.event_id
            RETURNING d.id, d.webhook_id, due.url, due.secret, CASE WHEN NOT d.manual THEN due.previous END, d.event_id,
                e.body, d.failures, d.manual
            """
        ).map { try DueDelivery($0, lease: lease) }
    }

    /// Seconds until something is due that is not now, or a lease runs out; nil when nothing is waiting.
    package func secondsToNext() throws -> Double? {
        try connection.query(
            """
            SELECT extract(epoch FROM min(t) - clock_timestamp())::float8 FROM (
                SELECT d.due_at AS t FROM webhooks w CROSS JOIN LATERAL (
                    SELECT d.due_at FROM webhook_deliveries d
                    WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.lease IS NULL AND d.due_at > now()
                        AND (w.enabled OR d.manual)
                    ORDER BY d.due_at LIMIT 1) d
                UNION ALL
                SELECT leased_until FROM webhook_deliveries WHERE lease IS NOT NULL) times
            """)[0][optional: 0]
    }
}
