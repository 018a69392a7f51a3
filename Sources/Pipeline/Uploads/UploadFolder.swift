internal import CLinux
package import Catalog
package import FoundationEssentials
internal import Glibc

/// Where uploads come in, and how they reach the inbox with their id. The server writes here, the watcher reads: beside
/// the database and the outbox, this is where the two meet.
///
/// ```
/// inbox/.uploads/
///   UUID.part        being received; locked by its receiver for as long as that lives
///   ID.json          ticket: the file with this inode, now in the inbox, is to be the import ID
/// ```
///
/// The id is given out before the watcher has seen the file. The ticket is written before the file gets its name in
/// the inbox, and removed after the import has its row, so that whoever asks for the id always finds one or the other.
package struct UploadFolder: Sendable {
    private let inbox: String

    package init(inbox: String) { self.inbox = inbox }

    private var path: String { "\(inbox)/.uploads" }
    private func ticketPath(_ id: ImportID) -> [CChar] { Array("\(path)/\(id).json".utf8CString) }

    // MARK: The server's side

    /// A new file to receive into.
    ///
    /// - Throws: `SystemError`.
    package func begin() throws -> IncomingUpload {
        try makeFolder(path)
        removeAbandoned()
        return try IncomingUpload(path: "\(path)/\(UUID().uuidString.lowercased()).part")
    }

    /// Gives a received file its name in the inbox. If a file of that name waits there, it is given a little time to be
    /// taken; then this one gets a number.
    ///
    /// - Returns: the id that its import will have.
    package func finish(
        _ upload: IncomingUpload, as file: FileName, dryRun: Bool
    ) throws -> ImportID {
        let received = try upload.close()
        let folder = dryRun ? "\(inbox)/preview" : inbox
        try makeFolder(folder)
        var name = file
        for attempt in 0... {
            let id = ImportID.mint()
            let ticket = UploadTicket(id: id, file: name, dryRun: dryRun, received: received)
            let json = try JSONEncoder().encode(ticket)
            try replaceFile(ticketPath(id), json, temporary: "\(path)/.\(id)", durable: true)
            try syncFolder(path)
            let target = Array(folder.utf8CString.dropLast()) + [0x2F] + name.cString
            if UploadFolder.rename(received.path, to: target) {
                try syncFolder(folder)
                return id
            }
            let code = errno
            unlink(ticketPath(id))
            guard code == EEXIST, attempt < 1000 else {
                unlink(received.path)
                throw SystemError("moving an upload into the inbox", code)
            }
            if attempt < UploadFolder.patience {
                usleep(50_000)
            } else {
                name = file.numbered(attempt - UploadFolder.patience + 2)
            }
        }
        fatalError("the loop ends by returning or throwing")
    }

    /// A name that is taken is tried again for two seconds, for as long as it takes to claim a file.
    private static let patience = 40

    /// Renames without ever replacing anything.
    private static func rename(_ source: [CChar], to target: [CChar]) -> Bool {
        if renameat2(AT_FDCWD, source, AT_FDCWD, target, CLINUX_RENAME_NOREPLACE) == 0 { return true }
        guard errno == EINVAL || errno == ENOSYS else { return false }
        // This file system cannot promise it; a second name can, and is never there for long.
        return link(source, target) == 0 && unlink(source) == 0
    }

    /// Where an upload stands that has no row yet; nil when there is no ticket of that id.
    package func progress(_ id: ImportID, outbox: Outbox) -> ImportProgress? {
        guard let ticket = ticket(ticketPath(id)) else { return nil }
        var progress = ImportProgress(
            id: id, file: ticket.file, dryRun: ticket.dryRun, state: .queued, message: "Waiting for its turn",
            receivedAt: ticket.receivedAt)
        progress.bytes.total = ticket.size
        if isInInbox(ticket) {
            progress.state = .waiting
            progress.message = "Uploaded; waiting to be taken."
            if let pointer = outbox.pointer(ticket.file, id: nil, dryRun: ticket.dryRun),
                let waiting = readProgress(pointer), waiting.id == nil, waiting.state == .waiting
            {
                progress.message = waiting.message
            }
        }
        return progress
    }

    // MARK: The watcher's side

    /// The tickets of uploads whose imports may have no row yet.
    package func tickets() -> [UploadTicket] {
        fileNames(in: path).filter { $0.bytes.first != 0x2E && $0.bytes.suffix(5).elementsEqual(".json".utf8) }
            .compactMap { ticket(Array(path.utf8CString.dropLast()) + [0x2F] + $0.cString) }
    }

    /// The import has its row, or its file is gone.
    package func removeTicket(_ id: ImportID) { unlink(ticketPath(id)) }

    package func isInInbox(_ ticket: UploadTicket) -> Bool {
        let folder = ticket.dryRun ? "\(inbox)/preview" : inbox
        var status = stat()
        return lstat(Array(folder.utf8CString.dropLast()) + [0x2F] + ticket.file.cString, &status) == 0
            && UInt(status.st_ino) == ticket.inode
    }

    private func ticket(_ path: [CChar]) -> UploadTicket? {
        guard let bytes = try? readFile(path) else { return nil }
        return try? JSONDecoder().decode(UploadTicket.self, from: Data(bytes))
    }

    /// Removes files that nobody receives into any more: their locks went with their receivers.
    private func removeAbandoned() {
        for name in fileNames(in: path) where name.bytes.suffix(5).elementsEqual(".part".utf8) {
            let part = Array(path.utf8CString.dropLast()) + [0x2F] + name.cString
            var status = stat()
            // Younger ones may not be locked yet.
            guard lstat(part, &status) == 0, time(nil) - status.st_mtim.tv_sec > 60 else { continue }
            let descriptor = open(part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(part) }
            close(descriptor)
        }
    }
}

/// Which import an uploaded file is to be, until the import has its row.
package struct UploadTicket: Sendable, Codable {
    package let id: ImportID
    package let file: FileName
    package let dryRun: Bool
    package let receivedAt: Date
    package let size: Int
    let inode: UInt
    let modified: [Int]

    fileprivate init(id: ImportID, file: FileName, dryRun: Bool, received: IncomingUpload.Received) {
        self.id = id
        self.file = file
        self.dryRun = dryRun
        receivedAt = Date()
        size = received.size
        inode = received.inode
        modified = received.modified
    }

    /// Whether a file with these facts is the one that was uploaded: an inode alone is soon used again.
    package func isFor(inode: UInt, size: Int, modified: [Int]) -> Bool {
        self.inode == inode && self.size == size && self.modified == modified
    }
}
