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
                    CASE WHEN w.previous_secret_until > now() THEN w.previous_secret END AS previous,
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

    // MARK: What came of it

    /// A webhook that was switched off by what its receiver did.
    package struct SwitchedOff: Sendable {
        package let webhook: Int
        package let reason: String
    }

    /// Records attempts that are over. One whose lease is no longer ours changes nothing: somebody else has sent it.
    ///
    /// - Returns: the webhooks that are switched off from now on.
    package func record(_ results: [DeliveryResult]) throws -> [SwitchedOff] {
        guard !results.isEmpty else { return [] }
        let touched = try connection.query(
            """
            WITH result AS (SELECT * FROM json_to_recordset(\(Parameter(type: .json, bytes: Array(Data.json(results)))))
                AS r(id bigint, lease uuid, manual boolean, next text, delay float8, reason text,
                    started_at timestamptz, status integer, error text, message text, response_time_ms integer,
                    response_head text, response_body text)),
            done AS (
                UPDATE webhook_deliveries d SET lease = NULL, leased_until = NULL, attempts = d.attempts + 1,
                    failures = d.failures + (r.next NOT IN ('delivered', 'interrupted'))::integer,
                    status = r.status, error = r.error, response_time_ms = r.response_time_ms,
                    attempted_at = r.started_at,
                    state = CASE WHEN r.next = 'delivered' THEN 'delivered'
                        WHEN r.next IN ('retry', 'interrupted') THEN 'pending'
                        WHEN d.delivered_at IS NOT NULL THEN 'delivered' ELSE 'failed' END,
                    delivered_at = CASE WHEN r.next = 'delivered' THEN now() ELSE d.delivered_at END,
                    manual = d.manual AND r.next IN ('retry', 'interrupted'),
                    ended_at = CASE WHEN r.next IN ('retry', 'interrupted') THEN NULL ELSE now() END,
                    due_at = now() + coalesce(r.delay, 0) * interval '1 second'
                FROM result r WHERE d.id = r.id AND d.lease = r.lease
                RETURNING d.id, d.webhook_id, d.attempts),
            logged AS (
                INSERT INTO webhook_attempts (delivery_id, webhook_id, number, manual, started_at, status, error,
                    message, response_time_ms, response_head, response_body)
                SELECT done.id, done.webhook_id, done.attempts, r.manual, r.started_at, r.status, r.error, r.message,
                    r.response_time_ms, r.response_head, r.response_body
                FROM done JOIN result r USING (id) ORDER BY r.started_at, done.id RETURNING 1),
            hook AS (
                SELECT done.webhook_id AS id, count(*) FILTER (WHERE r.next = 'delivered' AND NOT r.manual) AS good,
                    count(*) FILTER (WHERE r.next IN ('retry', 'failed', 'disable') AND NOT r.manual) AS bad,
                    max(r.reason) AS reason,
                    (array_agg(r.status ORDER BY r.started_at DESC, r.id DESC))[1] AS status,
                    (array_agg(r.error ORDER BY r.started_at DESC, r.id DESC))[1] AS error,
                    (array_agg(r.response_time_ms ORDER BY r.started_at DESC, r.id DESC))[1] AS response_time_ms,
                    max(r.started_at) AS attempted_at
                FROM done JOIN result r USING (id) GROUP BY done.webhook_id)
            UPDATE webhooks w SET last_status = hook.status, last_error = hook.error,
                last_response_time_ms = hook.response_time_ms, last_attempt_at = hook.attempted_at,
                failures = CASE WHEN hook.good > 0 THEN 0 ELSE w.failures + hook.bad END,
                failing_since = CASE WHEN hook.good > 0 THEN NULL
                    WHEN hook.bad > 0 THEN coalesce(w.failing_since, now()) ELSE w.failing_since END
            FROM hook WHERE w.id = hook.id
            RETURNING w.id, w.enabled, hook.reason, hook.bad > 0 AND \(DeliveryStore.isHopeless)
            """)
        var switchedOff: [SwitchedOff] = []
        for row in touched {
            let (webhook, isEnabled): (Int, Bool) = (try row[0], try row[1])
            var reason: String? = try row[optional: 2]
            if try reason == nil && row[3] { reason = DeliveryStore.hopelessReason }
            if isEnabled, let reason, try switchOff(webhook, reason) {
                switchedOff.append(SwitchedOff(webhook: webhook, reason: reason))
            }
            if !isEnabled { try giveUp(webhook: webhook) }
        }
        return switchedOff
    }

    /// A webhook that has had no success for so long, and failed so often, is switched off.
    private static let isHopeless: SQL = "w.failures >= 10 AND w.failing_since < now() - interval '120 hours'"
    private static let hopelessReason =
        "Nothing was accepted for five days. Mend the receiver, then switch this webhook on again."

    private func switchOff(_ webhook: Int, _ reason: String) throws -> Bool {
        let changed = try connection.query(
            """
            UPDATE webhooks SET enabled = false, disabled_reason = \(reason), updated_at = now()
            WHERE id = \(webhook) AND enabled
            """
        ).affected
        try giveUp(webhook: webhook)
        return changed == 1
    }

    /// Ends what a webhook that is switched off still had to send. It is kept, and can be sent again.
    func giveUp(webhook: Int) throws {
        try connection.query(
            """
            UPDATE webhook_deliveries SET state = 'failed', ended_at = now()
            WHERE webhook_id = \(webhook) AND state = 'pending' AND lease IS NULL AND NOT manual
            """)
    }

    // MARK: What was lost

    /// Deliveries whose process has died while it sent them: whether they arrived is not known, so they are due again.
    ///
    /// - Returns: how many there were.
    package func recoverInterrupted() throws -> Int {
        try connection.query(
            """
            WITH lost AS (
                UPDATE webhook_deliveries SET lease = NULL, leased_until = NULL, attempts = attempts + 1, status = NULL,
                    error = 'interrupted', response_time_ms = NULL, due_at = now()
                WHERE lease IS NOT NULL AND leased_until < now() RETURNING id, webhook_id, attempts, manual)
            INSERT INTO webhook_attempts (delivery_id, webhook_id, number, manual, started_at, error, message)
            SELECT id, webhook_id, attempts, manual, now(), 'interrupted',
                'The program ended before the answer was known. It is sent again, with the same webhook-id.'
            FROM lost
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
