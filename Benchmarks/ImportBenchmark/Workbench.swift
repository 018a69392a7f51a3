import FoundationEssentials
import Glibc
import Postgres

/// What all lines of the table share: one database, the competitors, and checks of what they did.
struct Workbench {
    let sizes: Sizes
    let files: BenchmarkFiles
    /// For everything that the programs write.
    let scratch: String
    let importer: String
    let psql: String
    /// libpq keywords of the database that all competitors use.
    let database: String
    private let session: Session
    /// Digests of the catalogue in the states that more than one competitor leads to.
    private let digests = Digests()

    private final class Digests {
        var known: [String: String] = [:]
    }

    init(sizes: Sizes, files: BenchmarkFiles, scratch: String, importer: String, database: String) {
        self.sizes = sizes
        self.files = files
        self.scratch = scratch
        self.importer = importer
        self.database = database
        psql = Workbench.findPsql()
        session = Session(database)
    }

    /// The program itself: what Debian has in PATH is a script around it that takes time of its own.
    private static func findPsql() -> String {
        let versions = (9...40).reversed().map { "/usr/lib/postgresql/\($0)/bin/psql" }
        return versions.first { access($0, X_OK) == 0 } ?? "psql"
    }

    // MARK: Competitors

    var importerEnvironment: [String: String] {
        [
            "DATABASE_URL": database, "IMPORTER_INBOX": "\(scratch)/inbox", "IMPORTER_OUTBOX": "\(scratch)/outbox",
            "IMPORTER_DATA": "\(scratch)/var",
        ]
    }

    func migrate() throws {
        let result = try run(importer, ["migrate"], importerEnvironment)
        guard result.exitCode == 0 else { throw failure("product-importer migrate", result) }
    }

    /// `product-importer import FILE`, from start to exit.
    func runImporter(_ file: String, expecting rows: ImportReport.Rows, sampling: Bool = false) throws -> ImporterRun {
        let result = try run(importer, ["import", file, "--json"], importerEnvironment, sampling: sampling)
        guard result.exitCode == 0 else { throw failure("product-importer import \(file)", result) }
        let output = readTextFile("\(scratch)/stdout") ?? ""
        guard let report = try? JSONDecoder().decode(ImportReport.self, from: Data(output.utf8)) else {
            throw BenchmarkError("product-importer import \(file) printed no progress object: \(output)")
        }
        try report.check(rows, of: file)
        return ImporterRun(process: result, report: report)
    }

    /// One psql, from start to exit, in one transaction.
    ///
    /// - Parameter commands: statements and `\copy` commands.
    @discardableResult
    func runPsql(_ commands: [String]) throws -> Double {
        let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", database]
        let result = try run(psql, arguments + commands.flatMap { ["-c", $0] }, [:])
        guard result.exitCode == 0 else { throw failure("psql", result) }
        return result.seconds
    }

    private func run(
        _ program: String, _ arguments: [String], _ environment: [String: String], sampling: Bool = false
    ) throws -> MeasuredProcess.Result {
        try Interruption.check()
        let process = try MeasuredProcess(
            program, arguments, environment: environment, output: "\(scratch)/stdout", errors: "\(scratch)/stderr")
        let result = try process.wait(sampling: sampling)
        try Interruption.check()
        return result
    }

    private func failure(_ what: String, _ result: MeasuredProcess.Result) -> BenchmarkError {
        let words = ["stdout", "stderr"].map { readTextFile("\(scratch)/\($0)") ?? "" }.joined().suffix(2000)
        return BenchmarkError("\(what) ended with code \(result.exitCode): \(words)")
    }

    // MARK: The state before a run

    /// No products.
    func empty() async throws {
        try Interruption.check()
        try await session.run { connection in
            try connection.query("TRUNCATE products")
            try connection.query("CHECKPOINT")
        }
    }

    /// The products of a binary file and nothing else, as they are some time after they were loaded.
    func restore(_ file: String) async throws {
        try await empty()
        try runPsql([#"\copy products (sku, name, description) from '\#(file)' with (format binary)"#])
        try await session.run { connection in
            try connection.query("VACUUM (ANALYZE) products")
            try connection.query("CHECKPOINT")
        }
    }

    // MARK: Checks after a run

    /// Compares the products with what the generator knows about them and, in a state that several competitors lead
    /// to, with what the others have made.
    func check(_ expected: Tally, state: String? = nil) async throws {
        let (tally, digest) = try await session.run { connection in
            let row = try connection.query(
                """
                SELECT count(*), coalesce(sum(octet_length(sku) + octet_length(name) + octet_length(description)), 0)::int8,
                       count(*) FILTER (WHERE sku <> lower(sku)),
                       coalesce(sum(hashtextextended(concat_ws(E'\\t', sku, name, description, active), 0)), 0)::text
                FROM products
                """)[0]
            let tally = Tally(products: try row[0], bytes: try row[1], otherCase: try row[2])
            return (tally, try row[3, as: String.self])
        }
        guard tally == expected else {
            throw BenchmarkError("Wrong answer: the catalogue has \(tally), but should have \(expected).")
        }
        guard let state else { return }
        guard digests.known[state, default: digest] == digest else {
            throw BenchmarkError("Wrong answer: after \"\(state)\" the products differ from those of other runs.")
        }
        digests.known[state] = digest
    }

    func serverVersion() async throws -> String {
        try await session.run { try $0.query("SELECT current_setting('server_version')")[0][0] }
    }

    /// Reads a file, so that the first run does not wait for the disk where the second does not.
    func warm(_ file: String) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}

/// An import by the command, as measured and as it says itself.
struct ImporterRun {
    let process: MeasuredProcess.Result
    let report: ImportReport
    var seconds: Double { process.seconds }
}

/// What the benchmark reads of a progress object.
struct ImportReport: Decodable {
    struct Rows: Decodable, Equatable {
        var read = 0
        var created = 0
        var updated = 0
        var unchanged = 0
        var duplicates = 0
        var rejected = 0
    }
    struct Plan: Decodable {
        var name: String?
        var seconds: [String: Double]
    }
    struct Failure: Decodable {
        var message: String
    }

    var state: String
    var rows: Rows
    var plan: Plan?
    var error: Failure?

    var hasEnded: Bool { ["completed", "failed", "cancelled"].contains(state) }

    func check(_ expected: Rows, of file: String) throws {
        guard state == "completed" else {
            throw BenchmarkError("The import of \(file) is \(state): \(error?.message ?? "no reason given")")
        }
        guard rows == expected else {
            throw BenchmarkError("Wrong answer: \(file) was counted as \(rows), but has \(expected).")
        }
    }
}
