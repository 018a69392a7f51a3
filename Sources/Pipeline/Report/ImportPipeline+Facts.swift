internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Postgres

/// What an import notes for its report while it runs. Nothing here may end an import that could go on.
extension ImportPipeline {
    /// The file has been read: how, and what was rejected.
    func noteParsed(
        _ parsed: borrowing ParsedFile, _ job: ImportJob, _ source: SourceFile, _ imports: ImportStore,
        _ tracker: ProgressTracker
    ) throws {
        let (header, rejects) = (parsed.header, parsed.rejects.groups.facts)
        var warnings = parsed.suspicions.warnings
        let repaired = try RepairedImport(outbox: outbox).find(
            job, source, headerEnd: parsed.rejects.headerEnd, imports)
        if repaired == nil, let smaller = try smallerFile(job, rows: parsed.read, imports) { warnings.append(smaller) }
        tracker.note {
            $0.header = header
            $0.rejects = rejects
        }
        tracker.update {
            $0.warnings = warnings
            $0.repairs = repaired?.description
        }
    }

    /// A file with less than half the rows of the last one of its name: an export that broke off, perhaps.
    private func smallerFile(_ job: ImportJob, rows: Int, _ imports: ImportStore) throws -> ImportWarning? {
        guard let before = try imports.rowsOfPrevious(job.file, before: job.id), before >= 20, rows * 2 < before else {
            return nil
        }
        return ImportWarning(
            .smallerFile,
            "This file has \(counted(rows, "row")); the last one of its name had \(grouped(before)). If it was to be "
                + "whole, the export may have broken off. Products that are not in it stay as they are.",
            count: 1, lines: [])
    }

    /// The rows have met the catalogue: what differs, and what looks like damage beside it.
    func noteLoaded(
        _ loader: borrowing Loader, _ job: ImportJob, _ products: ProductStore, _ tracker: ProgressTracker
    ) throws {
        let warnings = try loader.warnings()
        let (changes, repeated) = (loader.changes, loader.repeatedSKUs)
        let catalogue = job.dryRun ? try products.mark() : nil
        tracker.note {
            $0.changes = changes
            $0.repeated = repeated
            $0.catalogue = catalogue
        }
        tracker.update { $0.warnings += warnings }
    }

    /// The file cannot be read any further: the text around the place.
    func noteFailure(_ error: InputError, _ source: SourceFile, _ tracker: ProgressTracker) {
        guard let line = error.line else { return }
        let delimiter = tracker.snapshot.format.map { $0.delimiter == "tab" ? ASCII.tab : $0.delimiter.utf8.first! }
        let excerpt = try? SourceExcerpt(source).around(
            line, findsQuote: error.code == .unterminatedQuote, delimiter: delimiter)
        tracker.note { $0.excerpt = excerpt }
    }

    /// Puts the facts beside the rejects, before the end is recorded: filing takes them from there. They are not worth
    /// waiting for the disk: without them, after a crash of the machine, the report only tells less.
    func writeFacts(_ tracker: ProgressTracker, _ job: ImportJob, _ connection: Connection) throws {
        var facts = tracker.facts
        facts.versions = ImportFacts.Versions(
            program: ProgramVersion.number, schema: Schema.currentVersion, postgres: connection.serverVersion)
        let results = "\(job.workFolder)/\(ImportFiling.resultsFolder)"
        try makeFolder(results)
        try replaceFile(
            Array("\(results)/\(ImportFacts.fileName)".utf8CString), facts.json(), temporary: "\(results)/.facts",
            durable: false)
    }
}
