internal import Catalog
internal import FoundationEssentials

/// A webhook as the API shows it (contract §7). Its secret is there only when it has just been made.
struct WebhookAnswer: Encodable {
    let webhook: Webhook
    var secret: String?
    var recent: [DeliveryLog.Attempt] = []

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(webhook.id, forKey: .id)
        try values.encode(webhook.url, forKey: .url)
        try values.encode(webhook.events.names, forKey: .events)
        try values.encode(webhook.events.joined, forKey: .event)
        try values.encode(webhook.isEnabled, forKey: .enabled)
        try values.encode(secret, forKey: .secret)
        try values.encode(webhook.previousSecretUntil, forKey: .previousSecretUntil)
        try values.encode(webhook.lastStatus, forKey: .lastStatus)
        try values.encode(webhook.lastError, forKey: .lastError)
        try values.encode(webhook.lastResponseMilliseconds, forKey: .lastResponseTime)
        try values.encode(webhook.lastAttemptAt, forKey: .lastAttemptAt)
        try values.encode(webhook.disabledReason, forKey: .disabledReason)
        try values.encode(webhook.failures, forKey: .failures)
        try values.encode(webhook.failingSince, forKey: .failingSince)
        try values.encode(recent.map(AttemptAnswer.init), forKey: .recentAttempts)
    }

    enum CodingKeys: String, CodingKey {
        case id, url, events, event, enabled, secret, failures
        case previousSecretUntil = "previous_secret_until"
        case lastStatus = "last_status"
        case lastError = "last_error"
        case lastResponseTime = "last_response_time_ms"
        case lastAttemptAt = "last_attempt_at"
        case disabledReason = "disabled_reason"
        case failingSince = "failing_since"
        case recentAttempts = "recent_attempts"
    }
}

/// One line of a delivery's log.
struct AttemptAnswer: Encodable {
    let attempt: DeliveryLog.Attempt

    init(_ attempt: DeliveryLog.Attempt) { self.attempt = attempt }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(attempt.number, forKey: .attempt)
        try values.encode(attempt.isManual, forKey: .manual)
        try values.encode(attempt.startedAt, forKey: .startedAt)
        try values.encode(attempt.status, forKey: .status)
        try values.encode(attempt.error, forKey: .error)
        try values.encode(attempt.message, forKey: .message)
        try values.encode(attempt.responseMilliseconds, forKey: .responseTime)
        try values.encodeIfPresent(attempt.responseHead, forKey: .responseHead)
        try values.encodeIfPresent(attempt.responseBody, forKey: .responseBody)
    }

    enum CodingKeys: String, CodingKey {
        case attempt, manual, status, error, message
        case startedAt = "started_at"
        case responseTime = "response_time_ms"
        case responseHead = "response_head"
        case responseBody = "response_body"
    }
}

/// A delivery: the event, where it goes, and what came of it so far.
struct DeliveryAnswer: Encodable {
    let entry: DeliveryLog.Entry
    var attempts: [DeliveryLog.Attempt]?
    /// The event's frozen bytes.
    var body: [UInt8]?

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(entry.id, forKey: .id)
        try values.encode(entry.webhook, forKey: .webhookID)
        try values.encode(entry.url, forKey: .url)
        try values.encode(entry.event, forKey: .event)
        try values.encode(entry.messageID, forKey: .messageID)
        try values.encode(entry.importID?.description, forKey: .importID)
        try values.encode(entry.state.rawValue, forKey: .state)
        try values.encode(entry.isSending, forKey: .sending)
        try values.encode(entry.attempts, forKey: .attempt)
        try values.encode(entry.status, forKey: .status)
        try values.encode(entry.error, forKey: .error)
        try values.encode(entry.message, forKey: .message)
        try values.encode(entry.responseMilliseconds, forKey: .responseTime)
        try values.encode(entry.responseHead, forKey: .responseHead)
        try values.encode(entry.attemptedAt, forKey: .attemptedAt)
        try values.encode(entry.nextAttemptAt, forKey: .nextAttemptAt)
        try values.encode(entry.createdAt, forKey: .createdAt)
        guard let attempts, let body else { return }
        try values.encode(attempts.map(AttemptAnswer.init), forKey: .attempts)
        try values.encode(String(decoding: body, as: UTF8.self), forKey: .body)
    }

    enum CodingKeys: String, CodingKey {
        case id, url, event, state, sending, attempt, status, error, message, attempts, body
        case webhookID = "webhook_id"
        case messageID = "message_id"
        case importID = "import_id"
        case responseTime = "response_time_ms"
        case responseHead = "response_head"
        case attemptedAt = "attempted_at"
        case nextAttemptAt = "next_attempt_at"
        case createdAt = "created_at"
    }
}
