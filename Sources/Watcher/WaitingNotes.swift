internal import Catalog
internal import FoundationEssentials
internal import Logging
internal import Pipeline

/// Tells people why a file in the inbox is not imported: by its pointer in the outbox, once per reason, and in the log.
struct WaitingNotes {
    private let outbox: Outbox
    private let logger: Logger
    /// When each file that waits was first seen, and what its pointer says.
    private var waiting: [InboxFile: (since: Date, reason: String)] = [:] { didSet { version += 1 } }
    /// Which refused things have been reported: another one of that name is reported again.
    private var refused: [InboxFile: FileProbe] = [:]
    /// What is to be told of them in the overview.
    private var refusals: [InboxFile: (since: Date, reason: String)] = [:] { didSet { version += 1 } }
    /// Grows with every change of what there is to tell.
    private(set) var version = 0

    init(outbox: Outbox, logger: Logger) {
        self.outbox = outbox
        self.logger = logger
    }

    /// All that waits or was refused, for the overview.
    var all: [InboxNotes.Waiting] {
        let told = waiting.map { ($0.key, $0.value, false) } + refusals.map { ($0.key, $0.value, true) }
        return told.map { file, note, isRefused in
            InboxNotes.Waiting(
                file: file.name, dryRun: file.dryRun, reason: note.reason, since: note.since, isRefused: isRefused)
        }
    }

    mutating func wait(_ file: InboxFile, _ reason: String, bytes: Int) {
        forgetRefusal(file)
        let since = waiting[file]?.since ?? Date()
        guard waiting[file]?.reason != reason else { return }
        waiting[file] = (since, reason)
        logger.debug("a file waits", metadata: ["inbox.file": "\(file.name)", "inbox.reason": "\(reason)"])
        var progress = progress(file, .waiting, reason, since)
        progress.bytes.total = bytes
        write(file, progress)
    }

    mutating func refuse(_ file: InboxFile, _ reason: String, _ probe: FileProbe) {
        if waiting[file] != nil { waiting[file] = nil }
        guard refused[file] != probe else { return }
        refused[file] = probe
        refusals[file] = (Date(), reason)
        logger.warning("a file is not imported", metadata: ["inbox.file": "\(file.name)", "inbox.reason": "\(reason)"])
        var progress = progress(file, .failed, reason, Date())
        progress.percent = 100
        progress.finishedAt = progress.receivedAt
        progress.error = ImportFailure(.notRegular, reason)
        write(file, progress)
    }

    /// The file was claimed: from here on its import tells.
    mutating func claimed(_ file: InboxFile) {
        if waiting[file] != nil { waiting[file] = nil }
        forgetRefusal(file)
    }

    /// The file went away by itself.
    mutating func gone(_ file: InboxFile) {
        let wasRefused = refused[file] != nil
        guard waiting[file] != nil || wasRefused else { return }
        if waiting[file] != nil { waiting[file] = nil }
        forgetRefusal(file)
        ProgressFile(outbox, file: file.name, id: nil, dryRun: file.dryRun).removeWaiting()
    }

    private mutating func forgetRefusal(_ file: InboxFile) {
        refused[file] = nil
        if refusals[file] != nil { refusals[file] = nil }
    }

    private func progress(
        _ file: InboxFile, _ state: ImportProgress.State, _ message: String, _ since: Date
    ) -> ImportProgress {
        var progress = ImportProgress(
            id: nil, file: file.name, dryRun: file.dryRun, state: state, message: message, receivedAt: since)
        progress.updatedAt = Date()
        return progress
    }

    private func write(_ file: InboxFile, _ progress: ImportProgress) {
        var progress = progress
        var id: ImportID?
        if progress.state.isEnd, outbox.pointer(file.name, id: nil, dryRun: file.dryRun) == nil {
            // Its own name would be no good name for a progress file: what is refused gets an id for that alone.
            id = .mint()
            progress.id = id?.description
        }
        do {
            try ProgressFile(outbox, file: file.name, id: id, dryRun: file.dryRun).write(progress)
        } catch {
            logger.warning(
                "a progress file could not be written",
                metadata: ["inbox.file": "\(file.name)", "error": "\(error)"])
        }
    }
}
