import FoundationEssentials
import Glibc
import Logging
import Postgres
import SystemPackage

/// Measures the importer beside psql, on files that it generates.
///
/// ```
/// ImportBenchmark generate [--quick]
/// ImportBenchmark measure [--quick] [--pairs N] [--only WORD] [--settings standard|embedded] [--strict]
///     --importer PROGRAM
/// ```
///
/// Generating is a run of its own because it takes memory: what Linux reports as a process's maximum includes that of
/// the process that started it. Everything is written below `.bench` in the working directory.
///
/// The exit code is 0 if all answers were right, and with `--strict` if all goals were reached as well.
@main struct ImportBenchmark {
    static func main() async {
        do {
            let options = try Options(CommandLine.arguments.dropFirst())
            Interruption.install()
            switch options.command {
            case .generate: try BenchmarkFiles.generate(in: options.folder, sizes: options.sizes, announce: announce)
            case .measure: exit(try await measure(options))
            }
        } catch Interruption.requested {
            announce("Interrupted.")
            exit(130)
        } catch {
            announce("error: \(error)")
            exit(1)
        }
    }

    private static func measure(_ options: Options) async throws -> CInt {
        let files = try BenchmarkFiles(reading: options.folder, sizes: options.sizes)
        let scratch = try Scratch(options.folder)
        defer { scratch.remove() }
        var logger = Logger(label: "benchmark") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let cluster = try await scratch.startCluster(options.settings, logger)
        let bench = Workbench(
            sizes: options.sizes, files: files, scratch: scratch.path, importer: options.importer,
            database: cluster.connectionString)
        let outcome: Result<Results, any Error>
        do {
            let measurement = Measurement(bench: bench, only: options.only, settings: options.settings)
            outcome = .success(try await measurement.run())
        } catch {
            outcome = .failure(error)
        }
        await cluster.stop()

        let results = try outcome.get()
        print("\n" + results.text)
        let path = "\(options.folder)/results.md"
        try Data(results.text.utf8).write(to: URL(filePath: path))
        announce("The table is in \(path).")
        let isMissed = results.lines.contains { !$0.isReached }
        return results.failures.isEmpty && !(options.isStrict && isMissed) ? 0 : 1
    }
}

/// All lines in order. One that fails does not keep the others from being measured.
private struct Measurement {
    let bench: Workbench
    /// Only the parts whose title has this word.
    let only: String?
    let settings: ServerSettings

    func run() async throws -> Results {
        var results = Results()
        results.notes.append(Machine.description(server: try await bench.serverVersion(), settings: settings))
        try bench.migrate()
        for file in [bench.files.records, bench.files.changed, bench.files.deduplicated] { bench.warm(file) }
        let load = LoadLines(bench: bench)
        try await attempt("Into an empty catalogue, against \\copy", &results) { try await load.emptyAgainstCopy(&$0) }
        try await attempt("Into an empty catalogue, against sorted binary \\copy", &results) {
            try await load.emptyAgainstSortedCopy(&$0)
        }
        try await attempt("The same file again", &results) { try await load.sameAgain(&$0) }
        try await attempt("10 % changed", &results) { try await load.tenthChanged(&$0) }
        try await attempt("A small file", &results) { try await load.smallIntoLarge(&$0) }
        try await attempt("Memory", &results) { try await load.memory(&$0) }
        try await attempt("A large file", &results) { try await load.large(&$0) }
        try await attempt("A watcher", &results) { results in
            try await WatcherLines.with(bench) { watcher in
                try watcher.drop(&results)
                try watcher.manyFiles(&results)
                try watcher.idle(&results)
            }
        }
        return results
    }

    private func attempt(
        _ what: String, _ results: inout Results, _ body: (inout Results) async throws -> Void
    ) async throws {
        guard only.map({ what.lowercased().contains($0.lowercased()) }) ?? true else { return }
        announce(what)
        do {
            try await body(&results)
        } catch Interruption.requested {
            throw Interruption.requested
        } catch {
            announce("  FAILED: \(error)")
            results.failures.append("\(what): \(error)")
        }
    }
}

/// The command line.
private struct Options {
    enum Command: String {
        case generate, measure
    }

    let command: Command
    var sizes = Sizes.full
    var only: String?
    var settings = ServerSettings.standard
    var isStrict = false
    var importer = ""
    var folder = ".bench/full"

    init(_ arguments: some Sequence<String>) throws {
        var words = Array(arguments)[...]
        guard let command = words.popFirst().flatMap(Command.init(rawValue:)) else {
            throw BenchmarkError("Usage: ImportBenchmark generate|measure [options]")
        }
        self.command = command
        var pairs: Int?
        while let option = words.popFirst() {
            switch option {
            case "--quick":
                sizes = .quick
                folder = ".bench/quick"
            case "--strict": isStrict = true
            case "--pairs":
                guard let number = words.popFirst().flatMap({ Int($0) }), (1...100).contains(number) else {
                    throw BenchmarkError("--pairs takes a number from 1 to 100.")
                }
                pairs = number
            case "--only": only = words.popFirst()
            case "--settings":
                guard let name = words.popFirst(), let settings = ServerSettings(rawValue: name) else {
                    throw BenchmarkError("--settings takes standard or embedded.")
                }
                self.settings = settings
            case "--importer": importer = words.popFirst() ?? ""
            default: throw BenchmarkError("There is no option \(option).")
            }
        }
        if let pairs { (sizes.pairs, sizes.slowPairs) = (pairs, pairs) }
        guard command == .generate || access(importer, X_OK) == 0 else {
            throw BenchmarkError("--importer must name the program product-importer.")
        }
    }
}
