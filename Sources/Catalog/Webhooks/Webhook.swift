package import FoundationEssentials
internal import Postgres

/// Where events go, and how that went last.
package struct Webhook: Sendable, Equatable {
    package let id: Int
    package let url: String
    package let events: EventSelection
    package let isEnabled: Bool
    /// Why it was switched off, when that was not a person's wish.
    package let disabledReason: String?
    /// Failed attempts since the last success, and when the first of them was.
    package let failures: Int
    package let failingSince: Date?
    package let lastStatus: Int?
    package let lastError: String?
    package let lastResponseMilliseconds: Int?
    package let lastAttemptAt: Date?
    /// Until when replaced secrets sign as well, after a rotation.
    package let previousSecretUntil: Date?

    static let columns: SQL = """
        id, url, array_to_string(events, ','), enabled, disabled_reason, failures, failing_since, last_status,
        last_error, last_response_time_ms, last_attempt_at,
        (SELECT max((s->>'until')::timestamptz) FROM jsonb_array_elements(previous_secrets) s
            WHERE (s->>'until')::timestamptz > now())
        """

    init(_ row: ResultRow) throws {
        id = try row[0]
        url = try row[1]
        events = EventSelection(stored: try row[2, as: String.self].split(separator: ",").map(String.init))
        isEnabled = try row[3]
        disabledReason = try row[optional: 4]
        failures = try row[5]
        failingSince = try row[optional: 6]
        lastStatus = try row[optional: 7]
        lastError = try row[optional: 8]
        lastResponseMilliseconds = try row[optional: 9]
        lastAttemptAt = try row[optional: 10]
        previousSecretUntil = try row[optional: 11]
    }
}
