internal import Catalog
internal import FoundationEssentials
internal import Pipeline

/// What a client says of a webhook; what it leaves out stays, or has its standard value.
struct WebhookInput: Decodable {
    private let url: String?
    private let events: EventNames?
    /// The same, for clients that know one text.
    private let event: EventNames?
    private let enabled: Bool?

    private enum CodingKeys: CodingKey { case url, events, event, enabled }

    init(from decoder: any Decoder) throws {
        var fields = try FieldReader<CodingKeys>(decoder)
        (url, enabled) = (fields.read(.url), fields.read(.enabled))
        (events, event) = (fields.read(.events), fields.read(.event))
        try fields.finish()
    }

    /// Names of events as a list, or joined by commas.
    struct EventNames: Decodable {
        let names: [String]

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let joined = try? value.decode(String.self) {
                names = joined.split(separator: ",").map(String.init)
            } else {
                names = try value.decode([String].self)
            }
        }
    }

    /// What was said, looked at.
    struct Checked: Sendable {
        var url: String?
        var events: EventSelection?
        var isEnabled: Bool?
    }

    /// - Throws: a problem with every field that is wrong.
    func checked(_ destinations: WebhookDestinations, needsURL: Bool) async throws -> Checked {
        var checked = Checked(isEnabled: enabled)
        var errors: [Problem.FieldError] = []
        let text = url?.trimmed
        if let text, !text.isEmpty {
            do {
                try await destinations.checkForSaving(text)
                checked.url = text
            } catch {
                errors.append(.init(field: "url", message: error.message))
            }
        } else if needsURL || text != nil {
            errors.append(.init(field: "url", message: "Say where to send to, such as https://example.com/webhook."))
        }
        if let names = events ?? event {
            do {
                checked.events = try EventSelection(names.names)
            } catch {
                errors.append(.init(field: events == nil ? "event" : "events", message: error.description))
            }
        }
        guard errors.isEmpty else { throw Problem.fields(errors) }
        return checked
    }
}

extension String {
    /// Without spaces around it, as they come with what is pasted.
    fileprivate var trimmed: String {
        let blanks: Set<Character> = [" ", "\t", "\n", "\r", "\r\n"]
        return String(drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }.reversed())
    }
}

/// `{"since":"2026-11-24T08:00:00Z"}`
struct ResendInput: Decodable {
    let since: Date

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let text = try values.decode(String.self, forKey: .since)
        let plain = Date.ISO8601FormatStyle()
        let exact = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = (try? plain.parse(text)) ?? (try? exact.parse(text)) else {
            throw DecodingError.dataCorruptedError(
                forKey: .since, in: values, debugDescription: "not a time such as 2026-11-24T08:00:00Z")
        }
        since = date
    }

    enum CodingKeys: String, CodingKey { case since }
}
