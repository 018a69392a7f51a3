internal import NIOCore
internal import Synchronization

/// Keeps the number of open connections below a maximum without ever refusing a new one while others are of no use: the
/// one that has been idle for longest, or else the one whose request has been coming in for longest, gives way.
final class ConnectionLimit: Sendable {
    enum State: Int, Comparable {
        /// Between two requests, or before the whole head of the first.
        case idle
        /// A body is coming in.
        case receiving
        /// We are at work on it: never closed for others.
        case answering

        static func < (left: State, right: State) -> Bool { left.rawValue < right.rawValue }
    }

    private struct Entry {
        let channel: any Channel
        var state = State.idle
        var since = NIODeadline.now()
    }

    private let maximum: Int
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    init(_ maximum: Int) { self.maximum = maximum }

    func opened(_ channel: any Channel) {
        let victim = entries.withLock { entries in
            let key = ObjectIdentifier(channel)
            entries[key] = Entry(channel: channel)
            guard entries.count > maximum else { return nil as (any Channel)? }
            // The new one has waited for nothing yet; it goes only when all others are being answered.
            let others = entries.filter { $0.key != key && $0.value.state != .answering }
            let oldest = others.min { ($0.value.state, $0.value.since) < ($1.value.state, $1.value.since) }
            return entries.removeValue(forKey: oldest?.key ?? key)?.channel
        }
        victim?.close(mode: .all, promise: nil)
    }

    func changed(_ channel: any Channel, to state: State) {
        entries.withLock { entries in
            guard entries[ObjectIdentifier(channel)] != nil else { return }
            entries[ObjectIdentifier(channel)]!.state = state
            entries[ObjectIdentifier(channel)]!.since = .now()
        }
    }

    func closed(_ channel: any Channel) {
        entries.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    var count: Int { entries.withLock { $0.count } }
}
