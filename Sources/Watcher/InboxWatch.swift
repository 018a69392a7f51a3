internal import CInotifyTools
internal import Catalog
internal import Glibc
internal import Logging
internal import Pipeline
internal import Postgres
internal import Synchronization

/// Tells of what happens in the inbox. An event is a hint to look at a name: several may come for one change, and what
/// they tell may be over. The only user of libinotifytools.
///
/// The library keeps its state per process, and has neither a stop call nor time-outs below a second. So one thread
/// owns it, copies each event out of its buffer at once, and wakes every second to see whether it is to end.
final class InboxWatch: Sendable {
    enum Event: Equatable, Sendable {
        /// A name appeared: a file that is to be written, a link, a FIFO.
        case created(InboxFile)
        /// Somebody who had the file open for writing closed it.
        case closed(InboxFile)
        case movedIn(InboxFile)
        /// Owner, permissions or times changed.
        case attributes(InboxFile)
        case gone(InboxFile)
        /// Events were lost, or the folders are others than before: look at everything.
        case rescan(Reason)
    }

    enum Reason: String, Equatable, Sendable {
        case overflow = "more happened than the kernel could note"
        case replaced = "the inbox was moved, deleted or unmounted, and is watched anew"
    }

    // Never IN_MODIFY, IN_OPEN or IN_ACCESS: they come by the thousand while a file is written, and by our own reading.
    private static let events =
        IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB
        | IN_DELETE_SELF | IN_MOVE_SELF

    /// Guards the library's state in this process.
    private static let isInUse = Mutex(false)

    private let isStopping = Atomic(false)
    private let ended = Mailbox<Void>()

    /// Starts watching.
    ///
    /// - Parameter deliver: gets each event, on the watch's own thread.
    /// - Throws: `InboxError.oneWatchPerProcess`; `InboxError.unusable` when the kernel gives no watch.
    init(_ folders: InboxFolders, logger: Logger, deliver: @escaping @Sendable (Event) -> Void) throws {
        let isFree = InboxWatch.isInUse.withLock { isInUse in
            defer { isInUse = true }
            return !isInUse
        }
        guard isFree else { throw InboxError.oneWatchPerProcess }
        var library = Library(folders)
        do {
            try library.open()
        } catch {
            library.close()
            InboxWatch.isInUse.withLock { $0 = false }
            throw error
        }
        spawnThread(named: "inotify") { [self, library] in
            var library = library
            run(&library, logger, deliver)
            library.close()
            InboxWatch.isInUse.withLock { $0 = false }
            ended.put(())
        }
    }

    /// Ends the thread, and waits for that: up to a second.
    func stop() async {
        isStopping.store(true, ordering: .releasing)
        // A task of its own: this goes on when the caller's has been cancelled.
        await Task { _ = await ended.take() }.value
    }

    private func run(_ library: inout Library, _ logger: Logger, _ deliver: (Event) -> Void) {
        while !isStopping.load(ordering: .acquiring) {
            switch library.next() {
            case .event(let event): deliver(event)
            case .nothing: break
            case .lost:
                logger.warning("the inbox is no longer watched: watching it anew")
                library.close()
                reopen(&library, logger)
                deliver(.rescan(.replaced))
            }
        }
    }

    private func reopen(_ library: inout Library, _ logger: Logger) {
        var said: String?
        while !isStopping.load(ordering: .acquiring) {
            do {
                try library.open()
                return
            } catch {
                if said != "\(error)" { logger.error("the inbox cannot be watched", metadata: ["error": "\(error)"]) }
                said = "\(error)"
                library.close()
                sleep(1)
            }
        }
    }

    /// libinotifytools, as far as it is used here.
    private struct Library: Sendable {
        enum Next {
            case event(Event)
            case nothing
            /// A folder's watch has ended: the kernel tells nothing more of it.
            case lost
        }

        private let folders: InboxFolders
        private var watches: [CInt: InboxFile.Folder] = [:]
        private var isOpen = false

        init(_ folders: InboxFolders) { self.folders = folders }

        /// Watches the folders; makes them if they are not there.
        mutating func open() throws {
            // The library waits with select(), which ends the process on descriptors from FD_SETSIZE (1,024) on.
            let probe = Descriptor(dup(STDERR_FILENO))
            guard probe.use({ $0 < 1000 }) else {
                throw InboxError.unusable("Too many files are open to watch the inbox.")
            }
            try folders.make()
            guard inotifytools_initialize() != 0 else { throw failure() }
            isOpen = true
            for folder in InboxFile.Folder.allCases {
                // With a slash at its end, as the library itself keeps names of folders.
                let path = folders.path(folder) + "/"
                let flags = folder == .drops ? IN_ONLYDIR : IN_ONLYDIR | IN_DONT_FOLLOW
                guard inotifytools_watch_file(path, InboxWatch.events | flags) != 0 else {
                    throw failure()
                }
                watches[inotifytools_wd_from_filename(path)] = folder
            }
        }

        mutating func close() {
            guard isOpen else { return }
            // What the library has read but not given out would come out of the next watch.
            var limit = 65_536
            while limit > 0, inotifytools_next_events(0, 1) != nil { limit -= 1 }
            inotifytools_cleanup()
            isOpen = false
            watches = [:]
        }

        /// The next event, waiting up to a second.
        func next() -> Next {
            guard let event = inotifytools_next_events(1, 1) else {
                return [0, EINTR].contains(inotifytools_error()) ? .nothing : .lost
            }
            let mask = CInt(bitPattern: event.pointee.mask)
            if mask & IN_Q_OVERFLOW != 0 { return .event(.rescan(.overflow)) }
            guard let folder = watches[event.pointee.wd] else { return .nothing }
            let ends = IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF
            if mask & ends != 0 { return .lost }
            guard let name = name(of: event) else { return .nothing }
            let file = InboxFile(folder, name)
            if mask & IN_MOVED_TO != 0 { return .event(.movedIn(file)) }
            if mask & IN_CLOSE_WRITE != 0 { return .event(.closed(file)) }
            if mask & (IN_DELETE | IN_MOVED_FROM) != 0 { return .event(.gone(file)) }
            if mask & IN_CREATE != 0 { return .event(.created(file)) }
            return mask & IN_ATTRIB != 0 ? .event(.attributes(file)) : .nothing
        }

        /// The name in an event: bytes, padded with NULs. None in events of the folder itself.
        private func name(of event: UnsafeMutablePointer<inotify_event>) -> FileName? {
            guard event.pointee.len > 0 else { return nil }
            let bytes = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(event) + MemoryLayout<inotify_event>.size, count: Int(event.pointee.len))
            return FileName(bytes: bytes.prefix { $0 != 0 })
        }

        private func failure() -> InboxError {
            let code = inotifytools_error()
            let advice =
                switch code {
                case EMFILE: " Raise fs.inotify.max_user_instances (sysctl)."
                case ENOSPC: " Raise fs.inotify.max_user_watches (sysctl)."
                default: ""
                }
            return .unusable("\(folders.inbox) cannot be watched: \(String(cString: strerror(code))).\(advice)")
        }
    }
}
