package import FoundationEssentials
internal import Postgres

/// A delivery that is ours to send, with all that sending it needs.
package struct DueDelivery: Sendable {
    package let id: Int
    package let webhook: Int
    package let url: String
    package let secret: String
    /// The secrets of before the last rotations that still sign, newest first.
    package let previousSecrets: [String]
    package let event: UUID
    /// The event's frozen bytes.
    package let body: [UInt8]
    /// Attempts before this one that failed by the receiver's doing: the place in the retry schedule.
    package let failures: Int
    /// Asked for by a person: it is sent once, and counts for nothing.
    package let isManual: Bool
    /// Ours only while the row still has it.
    package let lease: UUID

    init(_ row: ResultRow, lease: UUID) throws {
        id = try row[0]
        webhook = try row[1]
        url = try row[2]
        secret = try row[3]
        let previous: String? = try row[optional: 4]
        previousSecrets = (previous ?? "").split(separator: " ").map(String.init)
        event = try row[5]
        body = try row[6]
        failures = try row[7]
        isManual = try row[8]
        self.lease = lease
    }

    /// The same for every attempt (Standard Webhooks, `webhook-id`).
    package var messageID: String { webhookMessageID(event) }
}

func webhookMessageID(_ event: UUID) -> String { "msg_" + event.uuidString.lowercased().filter { $0 != "-" } }

/// One attempt that is over, and what follows from it.
package struct DeliveryResult: Sendable, Encodable {
    package enum Next: Sendable, Equatable {
        case delivered
        /// To be tried again after so many seconds.
        case retry(after: Double)
        /// Tried often enough.
        case failed
        /// The receiver is gone for good: the webhook is switched off, for this reason.
        case disable(reason: String)
        /// We were interrupted: to be tried again at once, and not the receiver's fault.
        case interrupted
    }

    package let delivery: DueDelivery
    package let startedAt: Date
    package var status: Int?
    /// One of contract §8's error classes; nil when it went well.
    package var error: String?
    /// The same in words, for the log.
    package var message: String?
    package var responseMilliseconds: Int?
    package var responseHead: String?
    package var responseBody: String?
    package var next: Next

    package init(_ delivery: DueDelivery, startedAt: Date, next: Next) {
        self.delivery = delivery
        self.startedAt = startedAt
        self.next = next
    }

    /// As `json_to_recordset` reads it.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(delivery.id, forKey: .id)
        try values.encode(delivery.lease, forKey: .lease)
        try values.encode(delivery.isManual, forKey: .manual)
        try values.encode(startedAt, forKey: .startedAt)
        try values.encodeIfPresent(status, forKey: .status)
        try values.encodeIfPresent(error, forKey: .error)
        try values.encodeIfPresent(message.map(storable), forKey: .message)
        try values.encodeIfPresent(responseMilliseconds, forKey: .responseTime)
        try values.encodeIfPresent(responseHead.map(storable), forKey: .responseHead)
        try values.encodeIfPresent(responseBody.map(storable), forKey: .responseBody)
        switch next {
        case .delivered: try values.encode("delivered", forKey: .next)
        case .failed: try values.encode("failed", forKey: .next)
        case .interrupted: try values.encode("interrupted", forKey: .next)
        case .retry(let seconds):
            try values.encode("retry", forKey: .next)
            try values.encode(seconds, forKey: .delay)
        case .disable(let reason):
            try values.encode("disable", forKey: .next)
            try values.encode(reason, forKey: .reason)
        }
    }

    enum CodingKeys: String, CodingKey {
        case id, lease, manual, status, error, message, next, delay, reason
        case startedAt = "started_at"
        case responseTime = "response_time_ms"
        case responseHead = "response_head"
        case responseBody = "response_body"
    }
}

/// PostgreSQL's text cannot hold NUL.
private func storable(_ text: String) -> String { text.replacing("\0", with: "\u{FFFD}") }
