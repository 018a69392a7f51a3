internal import CLinux
internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Pipeline

/// Takes files out of the inbox: the only code that renames there.
///
/// The rename into a work folder of the import's own is the claim. Before it the file is the dropper's, after it
/// nobody finds it under a name that they know.
struct FileClaim {
    enum Outcome {
        case claimed(ClaimedDrop)
        /// It is not any more what it was when it was found ready.
        case changed(FileProbe)
        /// It stays where it is; the reason is for people.
        case impossible(String)
        /// The machine is in trouble that has nothing to do with this file (no room, say): it keeps its place, and no
        /// later file is claimed before it. The reason is for people.
        case delayed(String)
    }

    private let folders: InboxFolders
    private let inbox: UUID
    private let uploads: UploadFolder
    /// The tickets of uploads, as of this batch of claims.
    private var tickets: [UploadTicket] = []
    /// Ids sort in the order of the claims, also when the clock is set back.
    private var lastTime = Date.distantPast

    /// Above so many files in one batch a single `syncfs` costs less than syncing each.
    private static let fewFiles = 2

    init(folders: InboxFolders, inbox: UUID) {
        self.folders = folders
        self.inbox = inbox
        uploads = UploadFolder(inbox: folders.inbox)
    }

    /// Claims files, in order. When this returns, the claims are durable.
    mutating func claim(_ files: [ReadyFile]) -> [(InboxFile, Outcome)] {
        tickets = uploads.tickets()
        var outcomes: [(InboxFile, Outcome)] = []
        var trouble: Outcome?
        for file in files {
            let outcome = trouble ?? claim(file.file, as: file.fingerprint)
            if case .delayed = outcome { trouble = outcome }
            outcomes.append((file.file, outcome))
        }
        let claimed = outcomes.compactMap { outcome -> ImportJob? in
            if case .claimed(let drop) = outcome.1 { drop.job } else { nil }
        }
        sync(claimed)
        return outcomes
    }

    /// Claims a file for an import that has its row already and has lost its file. Nothing is done unless the kernel
    /// says that nobody writes to it.
    mutating func claimAgain(_ file: InboxFile, _ id: ImportID) -> Bool {
        guard case .claimed(let drop) = claim(file, as: nil, id) else { return false }
        sync([drop.job])
        return true
    }

    private mutating func claim(
        _ file: InboxFile, as found: FileProbe.Fingerprint?, _ known: ImportID? = nil
    ) -> Outcome {
        let source = folders.path(file)
        let opened = Descriptor(open(source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
        guard opened.isOpen else {
            let code = errno
            return [EMFILE, ENFILE, ENOMEM].contains(code)
                ? .delayed(FileClaim.sentence(code)) : .changed(FileProbe(source))
        }
        // Looked at again: the find may be old, and other files may stand there now.
        let probe = FileProbe(opened)
        guard case .regular(let fingerprint, let writer) = probe,
            writer == .none || writer == .unknown && fingerprint == found
        else { return .changed(probe) }

        let now = Date()
        let id = known ?? nextID(for: file, fingerprint, now)
        let work = folders.claim(id, file.folder)
        guard mkdir(work, 0o700) == 0 || errno == EEXIST && known != nil else {
            let code = errno
            return FileClaim.refusal("Waiting: the importer cannot make its work folder (\(reason(code))).", code)
        }
        let target = cPath(work, file.name)
        guard FileClaim.rename(source, to: target) else {
            let code = errno
            rmdir(work)
            return code == ENOENT ? .changed(FileProbe(source)) : FileClaim.refusal(FileClaim.sentence(code), code)
        }
        // Somebody may have put another file in its place, or a second name, before the rename.
        var (mine, there) = (stat(), stat())
        guard opened.use({ fstat($0, &mine) }) == 0, lstat(target, &there) == 0, mine.isRegular, mine.st_nlink == 1,
            mine.st_ino == there.st_ino, mine.st_dev == there.st_dev
        else {
            // If its name in the inbox is taken again, it stays claimed: recovery makes an import of it.
            if FileClaim.rename(target, to: source) { rmdir(work) }
            return .changed(FileProbe(source))
        }
        let job = ImportJob(
            id: id, file: file.name, dryRun: file.dryRun, source: target, workFolder: work, receivedAt: now,
            inbox: inbox)
        return .claimed(ClaimedDrop(job: job, bytes: fingerprint.size))
    }

    /// An upload was promised its id before; a drop gets a new one. Ids must sort in the order of the claims, so a new
    /// one is made to be earlier than those of the uploads that are still to be claimed.
    private mutating func nextID(
        for file: InboxFile, _ fingerprint: FileProbe.Fingerprint, _ now: Date
    ) -> ImportID {
        let mine = tickets.firstIndex {
            $0.dryRun == file.dryRun
                && $0.isFor(inode: fingerprint.inode, size: fingerprint.size, modified: fingerprint.modified)
        }
        if let mine {
            let id = tickets.remove(at: mine).id
            // Known to the millisecond only.
            lastTime = max(lastTime, id.time.addingTimeInterval(0.001))
            if access(folders.claim(id, file.folder), F_OK) != 0 { return id }
        }
        let promised = tickets.map(\.id.time).min() ?? .distantFuture
        let earliest = lastTime.addingTimeInterval(0.000_002)
        lastTime = max(earliest, min(now, promised.addingTimeInterval(-0.001)))
        return ImportID.mint(at: lastTime)
    }

    /// Renames without ever replacing anything.
    private static func rename(_ source: [CChar], to target: [CChar]) -> Bool {
        if renameat2(AT_FDCWD, source, AT_FDCWD, target, CLINUX_RENAME_NOREPLACE) == 0 { return true }
        guard errno == EINVAL || errno == ENOSYS else { return false }
        // This file system cannot promise it. Looking first leaves a gap, but nobody else puts files here.
        if access(target, F_OK) == 0 {
            errno = EEXIST
            return false
        }
        return Glibc.rename(source, target) == 0
    }

    private static func refusal(_ sentence: String, _ code: CInt) -> Outcome {
        SystemError("claiming a file", code).isTransient ? .delayed(sentence) : .impossible(sentence)
    }

    private static func sentence(_ code: CInt) -> String {
        switch code {
        case EXDEV:
            "Waiting: the inbox is spread over several file systems, so the file cannot be claimed. "
                + "The inbox, its preview folder and its .work folder must be on one; remove the mount between them."
        case EACCES, EPERM:
            "Waiting for permission: the importer may not move this file. Let it write to the inbox folder "
                + "(a folder with the sticky bit lets only a file's owner move it)."
        default: "Waiting: the file cannot be claimed (\(reason(code)))."
        }
    }

    /// Makes the files' bytes and the claims durable, as well as the disk can: what is lost in a crash of the machine
    /// is then the drop as such, never a half of it.
    private func sync(_ jobs: [ImportJob]) {
        guard let first = jobs.first else { return }
        if jobs.count > FileClaim.fewFiles {
            let descriptor = Descriptor(open(first.workFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
            if descriptor.use({ syncfs($0) }) == 0 { return }
        }
        for job in jobs {
            _ = Descriptor(open(job.source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)).use { fsync($0) }
            try? syncFolder(job.workFolder)
        }
        for folder in Set(jobs.map { $0.dryRun ? InboxFile.Folder.preview : .drops }) {
            try? syncFolder(folders.claims(folder))
            try? syncFolder(folders.path(folder))
        }
    }
}

private func reason(_ code: CInt) -> String { String(cString: strerror(code)) }
