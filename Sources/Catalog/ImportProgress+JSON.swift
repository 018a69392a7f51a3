package import FoundationEssentials

extension ImportProgress {
    package func encode(to encoder: any Encoder) throws {
        // Written by hand because the contract wants `null` where the synthesised form leaves keys out.
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(schema, forKey: .schema)
        try values.encode(id, forKey: .id)
        try values.encode(file, forKey: .file)
        try values.encode(dryRun, forKey: .dryRun)
        try values.encode(state, forKey: .state)
        try values.encode(stage, forKey: .stage)
        try values.encode(percent, forKey: .percent)
        try values.encode(message, forKey: .message)
        try values.encode(bytes, forKey: .bytes)
        try values.encode(rows, forKey: .rows)
        try values.encode(receivedAt, forKey: .receivedAt)
        try values.encode(startedAt, forKey: .startedAt)
        try values.encode(updatedAt, forKey: .updatedAt)
        try values.encode(finishedAt, forKey: .finishedAt)
        try values.encode(secondsRemaining, forKey: .secondsRemaining)
        try values.encode(sha256, forKey: .sha256)
        try values.encode(error, forKey: .error)
        try values.encode(files, forKey: .files)
        try values.encode(format, forKey: .format)
        try values.encode(plan, forKey: .plan)
        try values.encode(warnings, forKey: .knownWarnings)
        try values.encodeIfPresent(repairs, forKey: .repairs)
        try values.encodeIfPresent(previousID, forKey: .previousID)
    }

    enum CodingKeys: String, CodingKey {
        case schema, id, file, state, stage, percent, message, bytes, rows, sha256, error, files, format, plan, repairs
        case knownWarnings = "warnings"
        case dryRun = "dry_run"
        case receivedAt = "received_at"
        case startedAt = "started_at"
        case updatedAt = "updated_at"
        case finishedAt = "finished_at"
        case secondsRemaining = "seconds_remaining"
        case previousID = "previous_id"
    }

    /// The object as JSON in UTF-8: keys in one fixed order, times in RFC 3339 with milliseconds, in UTC.
    package func json(pretty: Bool = false) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty
            ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var value = encoder.singleValueContainer()
            try value.encode(ImportProgress.timestamp(date))
        }
        return try encoder.encode(self)
    }

    package init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            try Date(decoder.singleValueContainer().decode(String.self), strategy: ImportProgress.timestamps)
        }
        self = try decoder.decode(ImportProgress.self, from: json)
    }

    /// RFC 3339 with milliseconds, in UTC. Formatting cuts off what is below a millisecond, and a Double that stands
    /// for one may lie just below it.
    package static func timestamp(_ date: Date) -> String {
        Date(timeIntervalSince1970: ((date.timeIntervalSince1970 * 1000).rounded() + 0.25) / 1000).formatted(timestamps)
    }

    static let timestamps = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}

extension ImportProgress.Files {
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(report, forKey: .report)
        try values.encode(rejects, forKey: .rejects)
        try values.encode(errors, forKey: .errors)
        try values.encode(source, forKey: .source)
    }

    enum CodingKeys: String, CodingKey { case report, rejects, errors, source }
}

extension ImportProgress.Format {
    enum CodingKeys: String, CodingKey {
        case encoding, delimiter, columns
        case ignoredColumns = "ignored_columns"
    }
}

extension ImportFailure {
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(code, forKey: .code)
        try values.encode(message, forKey: .message)
        try values.encode(line, forKey: .line)
    }

    enum CodingKeys: String, CodingKey { case code, message, line }
}
