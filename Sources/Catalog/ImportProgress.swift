package import FoundationEssentials

/// Where an import stands: the object in `progress.json`, in the API and in the `imports` table (contract §4).
package struct ImportProgress: Sendable, Equatable, Codable {
    package enum State: String, Sendable, Codable {
        case waiting, queued, running, completed, failed, cancelled

        package var isEnd: Bool { self == .completed || self == .failed || self == .cancelled }
    }

    package enum Stage: String, Sendable, Codable, CaseIterable {
        case parse, dedupe, load, finish
    }

    /// Bytes of the source: read so far, and in all.
    package struct Bytes: Sendable, Equatable, Codable {
        package var done = 0
        package var total = 0
    }

    /// `read = created + updated + unchanged + duplicates + rejected` once completed.
    package struct Rows: Sendable, Equatable, Codable {
        package var read = 0
        package var created = 0
        package var updated = 0
        package var unchanged = 0
        package var duplicates = 0
        package var rejected = 0

        package init() {}

        /// Nothing was applied: what failed or was cancelled has read its rows, and no more.
        package mutating func clearApplied() { (created, updated, unchanged) = (0, 0, 0) }
    }

    /// What lies in the import's folder; paths are relative to the outbox.
    package struct Files: Sendable, Equatable, Codable {
        package var report: String?
        package var rejects: String?
        package var errors: String?
        package var source: String?
    }

    /// How the file was read.
    package struct Format: Sendable, Equatable, Codable {
        package var encoding: String
        package var delimiter: String
        package var columns: [String: String]
        package var ignoredColumns: [String]

        package init(encoding: String, delimiter: String, columns: [String: String], ignoredColumns: [String]) {
            self.encoding = encoding
            self.delimiter = delimiter
            self.columns = columns
            self.ignoredColumns = ignoredColumns
        }
    }

    /// How the rows met the catalogue, and what each stage took, in seconds.
    package struct Plan: Sendable, Equatable, Codable {
        package var name: String?
        package var reason: String?
        package var seconds: [String: Double] = [:]
        /// Rows that went through the slower merge because another session had inserted the same SKU meanwhile.
        package var merged = 0

        package init() {}
    }

    package var schema = 1
    package var id: String?
    package var file: String
    package var dryRun: Bool
    package var state: State
    package var stage: Stage = .parse
    /// Never goes back; 100 exactly when the state is an end.
    package var percent = 0
    package var message: String
    package var bytes = Bytes()
    package var rows = Rows()
    package var receivedAt: Date
    package var startedAt: Date?
    package var updatedAt: Date
    package var finishedAt: Date?
    package var secondsRemaining: Double?
    package var sha256: String?
    package var error: ImportFailure?
    package var files = Files()
    package var format: Format?
    package var plan: Plan?
    /// What looks like damage in the file; nothing was rejected for it.
    package var warnings: [ImportWarning] {
        get { knownWarnings ?? [] }
        set { knownWarnings = newValue }
    }
    /// Missing in objects of earlier versions.
    var knownWarnings: [ImportWarning]?
    /// Of mended rejects: the import that rejected them.
    package var repairs: String?
    /// Of a file that is not claimed yet: the newest import of its name, whose pointer it has taken over.
    package var previousID: String?

    package init(id: ImportID?, file: FileName, dryRun: Bool, state: State, message: String, receivedAt: Date) {
        self.id = id?.description
        self.file = file.description
        self.dryRun = dryRun
        self.state = state
        self.message = message
        self.receivedAt = receivedAt
        self.updatedAt = receivedAt
    }

    package var importID: ImportID? { id.flatMap { ImportID($0) } }
}

/// Why an import failed: a code of contract §4, and words for the person who sent the file.
package struct ImportFailure: Error, Sendable, Equatable, Codable {
    package enum Code: String, Sendable, Codable {
        case empty
        case missingColumn = "missing_column"
        case duplicateColumn = "duplicate_column"
        case encoding
        case unterminatedQuote = "unterminated_quote"
        case tooManyRejects = "too_many_rejects"
        case notRegular = "not_regular"
        case compressed
        case fileMissing = "file_missing"
        case crashLoop = "crash_loop"
        case `internal`
    }

    package var code: Code
    package var message: String
    package var line: Int?

    package init(_ code: Code, _ message: String, line: Int? = nil) {
        self.code = code
        self.message = message
        self.line = line
    }
}
