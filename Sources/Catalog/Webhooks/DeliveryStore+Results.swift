internal import FoundationEssentials
internal import Postgres

/// What came of attempts, and what it means for their webhooks.
extension DeliveryStore {
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
                    failures = d.failures + (r.next NOT IN ('delivered', 'interrupted') AND NOT d.manual)::integer,
                    status = r.status, error = r.error, response_time_ms = r.response_time_ms,
                    attempted_at = r.started_at,
                    state = CASE WHEN r.next = 'delivered' THEN 'delivered'
                        WHEN r.next IN ('retry', 'interrupted') OR d.resume_at IS NOT NULL THEN 'pending'
                        WHEN d.delivered_at IS NOT NULL THEN 'delivered' ELSE 'failed' END,
                    delivered_at = CASE WHEN r.next = 'delivered' THEN now() ELSE d.delivered_at END,
                    manual = d.manual AND r.next IN ('retry', 'interrupted'),
                    ended_at = CASE WHEN r.next IN ('retry', 'interrupted')
                        OR r.next <> 'delivered' AND d.resume_at IS NOT NULL THEN NULL ELSE now() END,
                    due_at = CASE WHEN r.next IN ('failed', 'disable') AND d.resume_at IS NOT NULL THEN d.resume_at
                        ELSE now() + coalesce(r.delay, 0) * interval '1 second' END,
                    resume_at = CASE WHEN r.next IN ('retry', 'interrupted') THEN d.resume_at END
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
}
