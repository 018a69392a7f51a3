internal import Catalog
internal import FoundationEssentials
internal import Logging
internal import Pipeline

/// A file that was taken out of the inbox and is still to be imported.
struct ClaimedDrop {
    let job: ImportJob
    let bytes: Int

    /// Writes in its progress file why it is not imported yet: nobody else would tell. What cannot be written goes to
    /// the log, for it changes nothing of the import.
    func tell(_ state: ImportProgress.State, _ message: String, in outbox: Outbox, _ logger: Logger) {
        var progress = ImportProgress(
            id: job.id, file: job.file, dryRun: job.dryRun, state: state, message: message,
            receivedAt: job.receivedAt)
        progress.bytes.total = bytes
        progress.updatedAt = Date()
        do {
            try ProgressFile(outbox, file: job.file, id: job.id, dryRun: job.dryRun).write(progress)
        } catch {
            logger.warning(
                "a progress file could not be written", metadata: ["import.id": "\(job.id)", "error": "\(error)"])
        }
    }
}
