package import Catalog
internal import FoundationEssentials
internal import Glibc
package import Logging
package import Postgres

/// One import from the opened file to its files in the outbox. Start reading at `attempt`: it names the stages in order.
///
/// The transaction that writes the products also marks the import as ended, so that its COMMIT is the effect: before
/// it nothing has happened, after it the import is applied and only has to be filed away.
package struct ImportPipeline: Sendable {
    /// What a site can set about imports.
    package struct Options: Sendable {
        /// `IMPORTER_MAX_REJECT_PERCENT`: above this share of rejected records an import fails; 100 is never.
        package var maximumRejectPercent = 50
        /// How long a file must be quiet after it was changed under our hands.
        package var settleSeconds = 2.0

        package init() {}
    }

    /// How `run` ended.
    package enum Outcome: Sendable {
        /// Ended; also filed away after `run`, unless that failed (recovery tries again).
        case ended(ImportProgress)
        /// Another process took the import over, or it had ended before.
        case notOurs
    }

    let session: Session
    let outbox: Outbox
    let options: Options
    let logger: Logger

    package init(session: Session, outbox: Outbox, options: Options, logger: Logger) {
        self.session = session
        self.outbox = outbox
        self.options = options
        self.logger = logger
    }

    /// Imports one drop and files it away.
    ///
    /// - Parameters:
    ///   - cancellation: asked for by a person; the import then ends as `cancelled`.
    ///   - observe: gets the progress object at least twice a second, and at the end.
    /// - Throws: `CancellationError` when the task is cancelled (the program stops): the import stays queued.
    package func run(
        _ job: ImportJob, cancellation: ImportCancellation = ImportCancellation(),
        observe: @escaping @Sendable (ImportProgress) -> Void = { _ in }
    ) async throws -> Outcome {
        guard case .ended(let end) = try await runUntilEnded(job, cancellation: cancellation, observe: observe) else {
            return .notOurs
        }
        let filed = await filing.file(job, end)
        observe(filed)
        return .ended(filed)
    }

    /// Files away what `runUntilEnded` has brought to its end.
    package var filing: ImportFiling { ImportFiling(session: session, outbox: outbox, logger: logger) }

    /// Imports one drop, however many attempts that takes. Its files still lie in its work folder.
    package func runUntilEnded(
        _ job: ImportJob, cancellation: ImportCancellation,
        observe: @escaping @Sendable (ImportProgress) -> Void = { _ in }
    ) async throws -> Outcome {
        var logger = logger
        logger[metadataKey: "import.id"] = "\(job.id)"
        let tracker = ProgressTracker(
            ImportProgress(
                id: job.id, file: job.file, dryRun: job.dryRun, state: .queued, message: "Waiting for its turn",
                receivedAt: job.receivedAt))
        let file = ProgressFile(outbox, file: job.file, id: job.id, dryRun: job.dryRun)
        let ticker = Task { await ImportPipeline.tick(tracker, file, observe) }

        let end: ImportProgress?
        do {
            end = try await attemptUntilEnded(job, tracker, cancellation, logger)
        } catch {
            ticker.cancel()
            await ticker.value
            tracker.update {
                $0.state = .queued
                $0.message = "The program was stopped. The import begins again when it starts."
            }
            try? file.write(tracker.snapshot)
            throw error
        }
        ticker.cancel()
        await ticker.value
        guard let end else { return .notOurs }
        logger.info(
            "import ended",
            metadata: [
                "import.state": "\(end.state.rawValue)", "import.file": "\(job.file)", "import.rows": "\(end.rows)",
                "import.plan": "\(end.plan?.name ?? "none")", "import.seconds": "\(end.plan?.seconds ?? [:])",
            ])
        return .ended(end)
    }

    // MARK: Attempts

    /// Attempts until the import has ended. Trouble that may pass (the database away, the disk full, the file still
    /// being written) is waited for, with its reason in the progress object.
    private func attemptUntilEnded(
        _ job: ImportJob, _ tracker: ProgressTracker, _ cancellation: ImportCancellation, _ logger: Logger
    ) async throws -> ImportProgress? {
        var backoff = Backoff()
        while true {
            do {
                try Task.checkCancellation()
                let work = Task { [backoff] in
                    try await session.run { connection in
                        let store = ImportStore(connection)
                        // An answer to COMMIT may have been lost: the row tells.
                        if backoff.failures > 0 {
                            if let ended = try store.ended(job.id) { return AttemptEnd.ended(ended) }
                            try store.closeAttempt(job.id)
                        }
                        tracker.restart()
                        return try attempt(job, connection, tracker)
                    }
                }
                cancellation.watch(work)
                let end = try await withTaskCancellationHandler {
                    try await work.value
                } onCancel: {
                    work.cancel()
                }
                switch end {
                case .ended(let progress): return progress
                case .notOurs: return nil
                }
            } catch is CancellationError {
                if cancellation.isRequested {
                    return try await end(
                        job, tracker, tracker.ending(.cancelled, "Cancelled. Nothing was changed."), logger)
                }
                try? await Task { try await session.run { try ImportStore($0).closeAttempt(job.id) } }.value
                throw CancellationError()
            } catch let failure as ImportFailure {
                return try await end(
                    job, tracker, tracker.ending(.failed, failure.message, failure: failure), logger)
            } catch {
                let reason = WaitReason(error)
                guard reason.isTransient else {
                    logger.error("import failed", metadata: ["error": "\(String(reflecting: error))"])
                    let failure = ImportFailure(
                        .internal, "The import failed: \(error). Nothing was changed. Drop the file again.")
                    return try await end(
                        job, tracker, tracker.ending(.failed, failure.message, failure: failure), logger)
                }
                let delay = backoff.next(atLeast: reason.minimumSeconds(options))
                logger.warning(
                    "import waits", metadata: ["error": "\(String(reflecting: error))", "retry.seconds": "\(delay)"])
                tracker.update {
                    $0.state = .waiting
                    $0.message = reason.message
                }
                try? await Task.sleep(for: .seconds(delay))
            }
        }
    }

    private enum AttemptEnd: Sendable {
        case ended(ImportProgress)
        case notOurs
    }

    /// One attempt, from the source to the COMMIT.
    private func attempt(_ job: ImportJob, _ connection: Connection, _ tracker: ProgressTracker) throws -> AttemptEnd {
        let imports = ImportStore(connection)
        let products = ProductStore(connection)
        let number: Int
        switch try imports.beginAttempt(job.id) {
        case .number(let attempt): number = attempt
        case .notQueued: return .notOurs
        case .crashLoop:
            throw ImportFailure(
                .crashLoop,
                "The program ended \(ImportStore.maximumCrashes) times while it read this file. "
                    + "Nothing was changed. Please keep the file and report it.")
        }

        // Parse: every record becomes a row with its key, or a reject.
        tracker.update {
            $0.startedAt = $0.startedAt ?? Date()
            $0.state = .running
        }
        tracker.enter(.parse, "Reading the file")
        let source = try SourceFile(path: job.source)
        tracker.update { $0.bytes.total = source.identity.size }
        let foldsASCII = try products.foldsASCII()
        let results = "\(job.workFolder)/\(ImportFiling.resultsFolder)"
        try makeFolder(results)
        var parsed = try parse(source, job, results, products, foldsASCII, tracker, connection)
        // Beside the load, of which the server does most; parsing keeps two threads busy itself.
        let hash = source.startHashing()
        try noteParsed(parsed, job, source, imports, tracker)
        if parsed.tooManyRejects(maximumPercent: options.maximumRejectPercent) {
            try parsed.rejects.finish()
            let failure = ImportPipeline.tooManyRejects(parsed.rejects.count, of: parsed.read)
            let sha256 = try hash.wait()
            tracker.update { $0.sha256 = sha256 }
            return try recordEnd(
                imports, job, number, connection, tracker,
                tracker.ending(.failed, failure.message, failure: failure))
        }

        // Dedupe and load: the last row of each key wins. One transaction; its COMMIT is the effect.
        tracker.enter(.dedupe, "Looking for repeated SKUs")
        let (read, rejected) = (parsed.read, parsed.rejects.count)
        try parsed.rejects.finish()
        var loader = Loader(connection, parsed, progress: tracker)
        if !job.dryRun { try loader.reserveIDs() }
        do {
            return try connection.transaction {
                guard try imports.lock(job.id, attempt: number) else { throw NotOurs() }
                try imports.lockLoading { tracker.update { $0.message = "Waiting for another import to finish" } }
                if !job.dryRun { loader.feed = try ChangeFeed(connection, job.id) }
                let counts = try loader.load(foldsASCII: foldsASCII, dryRun: job.dryRun)
                try noteLoaded(loader, job, products, tracker)

                tracker.enter(.finish, "Finishing")
                try loader.feed?.write()
                guard source.isUnchanged else { throw SourceChanged() }
                let sha256 = try hash.wait()
                tracker.update {
                    $0.sha256 = sha256
                    ($0.rows.read, $0.rows.rejected, $0.rows.duplicates) = (read, rejected, loader.duplicates)
                    ($0.rows.created, $0.rows.updated, $0.rows.unchanged) = (
                        counts.created, counts.updated, counts.unchanged
                    )
                }
                let end = tracker.ending(.completed, "")
                let progress = ImportFiling.withFiles(ImportPipeline.summarized(end), job, rejects: rejected > 0)
                try writeFacts(tracker, job, connection)
                guard try imports.end(job.id, progress) else { throw NotOurs() }
                try loader.feed?.enqueue()
                return .ended(progress)
            }
        } catch is NotOurs {
            return .notOurs
        }
    }

    private func parse(
        _ source: SourceFile, _ job: ImportJob, _ results: String, _ store: ProductStore, _ foldsASCII: Bool,
        _ tracker: ProgressTracker, _ connection: Connection
    ) throws -> ParsedFile {
        do {
            var parsed = try ParsedFile(source, workFolder: job.workFolder, resultsFolder: results)
            // Also an import that fails says how far it understood the file.
            let (early, header) = (parsed.format, parsed.header)
            tracker.update { $0.format = early }
            tracker.note { $0.header = header }
            try parsed.readRecords(foldingBy: store, foldsASCII: foldsASCII) { bytes, rows, rejected in
                try connection.canceller.check()
                tracker.parsed(bytes: bytes, rows: rows, rejected: rejected)
            }
            let format = parsed.format
            tracker.update { $0.format = format }
            return parsed
        } catch let error as InputError {
            // What a half-written file looks like says nothing: a file that changed meanwhile is read again.
            guard source.isUnchanged else { throw SourceChanged() }
            noteFailure(error, source, tracker)
            throw try error.failure()
        }
    }

    // MARK: Ends without products

    /// Records an end of `failed` or `cancelled`, waiting for the database if need be.
    private func end(
        _ job: ImportJob, _ tracker: ProgressTracker, _ progress: ImportProgress, _ logger: Logger
    ) async throws -> ImportProgress? {
        var backoff = Backoff()
        while true {
            do {
                // A task of its own: ends are recorded also when ours has been cancelled.
                let end = try await Task {
                    try await session.run { connection in
                        try recordEnd(ImportStore(connection), job, nil, connection, tracker, progress)
                    }
                }.value
                guard case .ended(let progress) = end else { return nil }
                return progress
            } catch {
                guard WaitReason(error).isTransient else { throw error }
                logger.warning("the end of an import waits", metadata: ["error": "\(String(reflecting: error))"])
                try await Task.sleep(for: .seconds(backoff.next(atLeast: 0)))
            }
        }
    }

    private func recordEnd(
        _ imports: ImportStore, _ job: ImportJob, _ attempt: Int?, _ connection: Connection, _ tracker: ProgressTracker,
        _ progress: ImportProgress
    ) throws -> AttemptEnd {
        let rejects = progress.error?.code == .tooManyRejects
        var progress = ImportFiling.withFiles(progress, job, rejects: rejects)
        // Also an import that failed or was cancelled says which bytes it was about.
        if progress.sha256 == nil { progress.sha256 = try? SourceFile(path: job.source).startHashing().wait() }
        try writeFacts(tracker, job, connection)
        return try connection.transaction {
            if let attempt { guard try imports.lock(job.id, attempt: attempt) else { return .notOurs } }
            return try imports.end(job.id, progress) ? .ended(progress) : .notOurs
        }
    }

    private static func tooManyRejects(_ rejected: Int, of read: Int) -> ImportFailure {
        ImportFailure(
            .tooManyRejects,
            "\(grouped(rejected)) of \(grouped(read)) rows cannot be used, so the file as a whole is probably wrong "
                + "(a different delimiter, quoting or set of columns?). Nothing was changed. "
                + "errors.csv lists each row and its reason; mend the file and drop it again.")
    }

    /// Puts the counts into a sentence.
    private static func summarized(_ progress: ImportProgress) -> ImportProgress {
        var progress = progress
        let rows = progress.rows
        let verb = progress.dryRun ? "would be " : ""
        var message =
            "\(grouped(rows.created)) \(verb)created, \(grouped(rows.updated)) \(verb)updated, "
            + "\(grouped(rows.unchanged)) unchanged"
        if rows.duplicates > 0 { message += ", \(grouped(rows.duplicates)) repeated in the file" }
        if rows.rejected > 0 {
            message +=
                ". \(grouped(rows.rejected)) \(rows.rejected == 1 ? "row needs" : "rows need") your attention: "
                + "mend rejects.csv and drop it again"
        }
        progress.message = (progress.dryRun ? "Dry run, nothing was changed: " : "") + message + "."
        return progress
    }

    /// Writes the progress object twice a second and more, until cancelled. An import that ends at once is spared it.
    private static func tick(
        _ tracker: ProgressTracker, _ file: ProgressFile, _ observe: @Sendable (ImportProgress) -> Void
    ) async {
        var last: ImportProgress?
        try? await Task.sleep(for: .milliseconds(50))
        while !Task.isCancelled {
            let progress = tracker.snapshot
            if progress != last {
                try? file.write(progress)
                observe(progress)
                last = progress
            }
            try? await Task.sleep(for: .milliseconds(200))
        }
    }
}
