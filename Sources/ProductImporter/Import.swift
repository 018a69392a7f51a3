import ArgumentParser
import Catalog
import FoundationEssentials
import Glibc
import Logging
import Pipeline
import Postgres

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Imports files now, in the foreground.",
        discussion: """
            The files stay where they are; report, rejects and progress go to the outbox as for a dropped file. \
            The ID of an earlier import, in place of a file, imports the file that was kept with it once more. \
            Exit code: 0 completed, 1 failed, 2 usage, 75 database unreachable.
            """)

    @Argument(help: "CSV files, or IDs of earlier imports.", completion: .file(extensions: ["csv"]))
    var files: [String]

    @Flag(help: "Count what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Print the final progress object, one line a file.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        let logger = settings.logger(default: .error)
        let succeeded = try await DatabaseAccess.with(settings, logger: logger) { access in
            let command = ForegroundImport(settings, access, logger: logger)
            var succeeded = true
            defer { command.rebuildIndex() }
            for file in files {
                let end = try await command.run(file, dryRun: dryRun)
                Terminal.printLine(try Summary.line(end, json: json))
                succeeded = succeeded && end.state == .completed
                if end.state == .cancelled { break }
            }
            return succeeded
        }
        if !succeeded { throw ArgumentParser.ExitCode(1) }
    }
}

/// Imports one file after the other for the import command. The first Ctrl-C cancels the import that runs.
private struct ForegroundImport {
    private let settings: Settings
    private let session: Session
    /// Holds the lock that tells other processes that the import is alive.
    private let alive: Session
    private let outbox: Outbox
    private let logger: Logger

    init(_ settings: Settings, _ access: DatabaseAccess, logger: Logger) {
        self.settings = settings
        session = Session(access.conninfo)
        alive = Session(access.conninfo)
        outbox = Outbox(path: settings.outbox)
        self.logger = logger
    }

    func run(_ argument: String, dryRun: Bool) async throws -> ImportProgress {
        if access(argument, F_OK) != 0, let id = ImportID(argument.lowercased()) {
            if let kept = outbox.keptSource(id) { return try await run(kept.path, kept.file, dryRun: dryRun) }
            return unreadable(
                FileName(argument), dryRun, .fileMissing,
                "The file of import \(id) is not in \(settings.outbox): it was removed, or never dropped into an inbox."
            )
        }
        let name = FileName(String(argument.split(separator: "/").last ?? "/"))
        return try await run(argument, name, dryRun: dryRun)
    }

    private func run(_ path: String, _ name: FileName, dryRun: Bool) async throws -> ImportProgress {
        let received = Date()
        guard let resolved = realpath(path, nil) else {
            return unreadable(name, dryRun, .fileMissing, "\(path): \(String(cString: strerror(errno))).")
        }
        defer { free(resolved) }
        let source = Array(UnsafeBufferPointer(start: resolved, count: strlen(resolved) + 1))
        var status = stat()
        guard stat(resolved, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return unreadable(name, dryRun, .notRegular, "\(path) is no regular file. Name a CSV file.")
        }
        guard access(resolved, R_OK) == 0 else {
            return unreadable(name, dryRun, .internal, "\(path) may not be read by this user. Change its permissions.")
        }

        try settings.makeFolder("IMPORTER_OUTBOX", settings.outbox)
        try outbox.prepare()
        let id = ImportID.mint(at: received)
        let job = ImportJob(
            id: id, file: name, dryRun: dryRun, source: source, workFolder: "\(settings.commandWorkFolder)/\(id)",
            receivedAt: received, inbox: nil)
        try makeFolder(job.workFolder)
        try await alive.run { try ImportStore($0).holdAlive(id) }
        let size = Int(status.st_size)
        try await session.run {
            try ImportStore($0).insert(id, inbox: nil, file: name, dryRun: dryRun, bytes: size, receivedAt: received)
        }
        return try await run(job)
    }

    private func run(_ job: ImportJob) async throws -> ImportProgress {
        let cancellation = ImportCancellation()
        var options = ImportPipeline.Options()
        options.maximumRejectPercent = settings.maximumRejectPercent
        options.settleSeconds = settings.settleSeconds
        let bar = ProgressBar(name: Summary.printable(job.file.description))
        let pipeline = ImportPipeline(session: session, outbox: outbox, options: options, logger: logger)
        // Somebody may cancel it on the pages, too.
        let watching = Task { [alive] in
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(500))
                let isRequested = try? await alive.run { try ImportStore($0).isCancelRequested(job.id) }
                if isRequested == true { return cancellation.request() }
            }
        }
        defer { watching.cancel() }
        let outcome = try await SignalTrap.shared.handling({ count in
            // The second signal is for whoever cannot wait, say for a database that is away.
            if count > 1 { exit(130) }
            cancellation.request()
        }) {
            try await pipeline.run(job, cancellation: cancellation) { bar.show($0) }
        }
        bar.clear()
        switch outcome {
        case .ended(let progress): return progress
        case .notOurs: throw CommandError.failed("The import was ended by another process.")
        }
    }

    /// The watcher would notice, too; but there need not be one.
    func rebuildIndex() {
        do {
            var index = OutboxIndex(outbox)
            try index.rebuild()
        } catch {
            logger.warning("the overview of the outbox could not be written", metadata: ["error": "\(error)"])
        }
    }

    private func unreadable(
        _ name: FileName, _ dryRun: Bool, _ code: ImportFailure.Code, _ message: String
    ) -> ImportProgress {
        var progress = ImportProgress(
            id: nil, file: name, dryRun: dryRun, state: .failed, message: message, receivedAt: Date())
        progress.percent = 100
        progress.finishedAt = progress.receivedAt
        progress.error = ImportFailure(code, message)
        return progress
    }
}
