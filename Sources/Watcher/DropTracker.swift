internal import Catalog
internal import Logging
internal import Pipeline

/// A file that was found ready, and what it was then.
struct ReadyFile: Equatable, Sendable {
    let file: InboxFile
    let fingerprint: FileProbe.Fingerprint
}

/// Knows the files in the inbox: which are ready, in what order they became so, and why the others wait.
struct DropTracker {
    private struct Tracked {
        var readiness: Readiness
        var isReady = false
        var again: ContinuousClock.Instant?
        var fingerprint: FileProbe.Fingerprint?
    }

    private let folders: InboxFolders
    private let settle: Duration
    private let logger: Logger
    private var notes: WaitingNotes
    private var tracked: [InboxFile: Tracked] = [:]
    /// In the order in which they became ready; may name files that no longer are.
    private var ready: [InboxFile] = []
    /// Files that are not ours to import, as of the last scan.
    private(set) var others: Set<InboxFile> = [] { didSet { if others != oldValue { othersVersion += 1 } } }
    private var othersVersion = 0

    init(folders: InboxFolders, outbox: Outbox, settle: Duration, logger: Logger) {
        self.folders = folders
        self.settle = settle
        self.logger = logger
        self.notes = WaitingNotes(outbox: outbox, logger: logger)
    }

    /// When time alone could make a file ready; nil while none waits for that.
    var nextCheck: ContinuousClock.Instant? { tracked.values.compactMap(\.again).min() }

    var hasReady: Bool { !ready.isEmpty }

    /// Grows with every change of `inboxNotes`.
    var notesVersion: Int { notes.version + othersVersion }

    /// What is not imported, and why.
    var inboxNotes: InboxNotes {
        InboxNotes(waiting: notes.all, ignored: others.map { ($0.dryRun ? "preview/" : "") + $0.name.description })
    }

    // MARK: Looking

    /// Looks at a file after an event.
    mutating func look(at file: InboxFile, movedIn: Bool = false, now: ContinuousClock.Instant) {
        guard DropName(file.name) == .csv else {
            if DropName(file.name) == .other { note(other: file) }
            return
        }
        if check(file, movedIn: movedIn, now: now) { ready.append(file) }
    }

    /// Looks again at the files whose time has come.
    mutating func recheck(now: ContinuousClock.Instant) {
        lookInOrder(tracked.filter { $0.value.again.map { $0 <= now } ?? false }.map(\.key), now: now)
    }

    /// Looks at everything in the inbox. What is found ready at once is taken in the order of its last change.
    ///
    /// - Parameter seconds: files that came within the last so many seconds are left to their events, which tell their
    ///   order. Times only tell ticks of the kernel's clock, and a folder that is read while files arrive may show a
    ///   later one without an earlier one.
    /// - Returns: whether there were any of those.
    mutating func scan(now: ContinuousClock.Instant, leavingYounger seconds: Double) -> Bool {
        var hasYoung = false
        // One time for all: while the folder is read, a later file must not come of age before an earlier one is left.
        let clock = FileProbe.clock()
        var found: Set<InboxFile> = []
        var others: Set<InboxFile> = []
        for folder in InboxFile.Folder.allCases {
            for name in fileNames(in: folders.path(folder)) {
                let file = InboxFile(folder, name)
                switch DropName(name) {
                case .csv
                where tracked[file] == nil && FileProbe.isYounger(folders.path(file), than: seconds, at: clock):
                    hasYoung = true
                case .csv: found.insert(file)
                case .other where file != InboxFile(.drops, FileName("preview")): others.insert(file)
                default: break
                }
            }
        }
        for file in others { note(other: file) }
        self.others = others
        lookInOrder(found.union(tracked.keys), now: now)
        return hasYoung
    }

    private mutating func lookInOrder(_ files: some Sequence<InboxFile>, now: ContinuousClock.Instant) {
        var newlyReady = files.filter { check($0, movedIn: false, now: now) }
        if newlyReady.count > 1 {
            newlyReady.sort { left, right in
                let times = (tracked[left]?.fingerprint?.modified ?? [], tracked[right]?.fingerprint?.modified ?? [])
                return times.0 == times.1
                    ? left.name.bytes.lexicographicallyPrecedes(right.name.bytes)
                    : times.0.lexicographicallyPrecedes(times.1)
            }
        }
        ready += newlyReady
    }

    private mutating func note(other file: InboxFile) {
        guard others.insert(file).inserted else { return }
        logger.notice(
            "a file that does not end in .csv is left where it is", metadata: ["inbox.file": "\(file.name)"])
    }

    /// - Returns: whether the file has become ready by this look.
    private mutating func check(_ file: InboxFile, movedIn: Bool, now: ContinuousClock.Instant) -> Bool {
        let probe = FileProbe(folders.path(file))
        return decide(file, probe, movedIn: movedIn, now: now)
    }

    private mutating func decide(
        _ file: InboxFile, _ probe: FileProbe, movedIn: Bool, now: ContinuousClock.Instant
    ) -> Bool {
        var entry = tracked[file] ?? Tracked(readiness: Readiness(settle: settle))
        let wasReady = entry.isReady
        let decision = entry.readiness.decide(probe, movedIn: movedIn, now: now)
        entry.isReady = decision == .ready
        entry.again = nil
        if case .regular(let fingerprint, _) = probe { entry.fingerprint = fingerprint }
        switch decision {
        case .ready: break
        case .wait(let reason, let again):
            entry.again = again
            notes.wait(file, reason, bytes: entry.fingerprint?.size ?? 0)
        case .refuse(let reason):
            notes.refuse(file, reason, probe)
        case .gone: notes.gone(file)
        }
        tracked[file] = decision == .gone ? nil : entry
        if wasReady, !entry.isReady { ready.removeAll { $0 == file } }
        return entry.isReady && !wasReady
    }

    // MARK: Claiming

    /// The files that are ready have to wait all the same.
    mutating func hold(_ reason: String) {
        for file in ready { notes.wait(file, reason, bytes: tracked[file]?.fingerprint?.size ?? 0) }
    }

    /// Takes the next files to be claimed, in order. For all of them `ended` must be called.
    mutating func takeReady(_ limit: Int) -> [ReadyFile] {
        let taken = ready.prefix(limit)
        ready.removeFirst(taken.count)
        return taken.compactMap { file in
            tracked[file]?.isReady = false
            return tracked[file]?.fingerprint.map { ReadyFile(file: file, fingerprint: $0) }
        }
    }

    /// The claims of files have ended.
    ///
    /// - Returns: whether some are still to be claimed, in their old places.
    mutating func ended(_ outcomes: [(InboxFile, FileClaim.Outcome)], now: ContinuousClock.Instant) -> Bool {
        var delayed: [InboxFile] = []
        for (file, outcome) in outcomes {
            switch outcome {
            case .claimed:
                tracked[file] = nil
                notes.claimed(file)
            case .changed(let probe):
                if decide(file, probe, movedIn: false, now: now) { ready.append(file) }
            case .impossible(let reason):
                notes.wait(file, reason, bytes: tracked[file]?.fingerprint?.size ?? 0)
            case .delayed(let reason):
                notes.wait(file, reason, bytes: tracked[file]?.fingerprint?.size ?? 0)
                tracked[file]?.isReady = true
                delayed.append(file)
            }
        }
        ready.insert(contentsOf: delayed, at: 0)
        return !delayed.isEmpty
    }
}
