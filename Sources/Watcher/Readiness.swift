internal import Glibc

/// Decides when a dropped file is whole. Knows no clock and no file: looks and times are given to it.
///
/// A file is ready at once when nobody has it open for writing. Where the kernel cannot tell, it is ready when it was
/// moved in (whoever renames has finished writing), or when its size and time have not changed for the settle time.
struct Readiness: Equatable, Sendable {
    enum Decision: Equatable, Sendable {
        case ready
        /// Not yet, with the reason for people; `again` is when time alone could change that.
        case wait(String, again: ContinuousClock.Instant? = nil)
        /// It will never be ready as it is; the sentence says what to do.
        case refuse(String)
        case gone
    }

    let settle: Duration
    /// Whether the file as it is now came by a rename.
    private var movedIn = false
    private var last: FileProbe.Fingerprint?
    private var quietSince: ContinuousClock.Instant?

    init(settle: Duration) { self.settle = settle }

    /// - Parameter movedIn: this look follows a rename into the folder.
    mutating func decide(_ probe: FileProbe, movedIn: Bool = false, now: ContinuousClock.Instant) -> Decision {
        switch probe {
        case .gone: return .gone
        case .notRegular(let kind, _, _):
            return .refuse("This is \(kind), which is never read. Drop a regular file: a copy of the CSV file itself.")
        case .unreadable(EACCES), .unreadable(EPERM):
            return .wait(
                "Waiting for permission: the importer may not read this file. "
                    + "Let it, for example with chmod a+r, or drop the file as another user.")
        case .unreadable(let code):
            return .wait("Waiting: the file cannot be opened (\(String(cString: strerror(code)))).")
        case .linked(let fingerprint, let names):
            // Some programs put a file in place by a link and remove their own name for it a moment later.
            guard quiet(fingerprint, false, now) else {
                return .wait("Waiting: this file has \(names) names (hard links).", again: quietEnd)
            }
            return .refuse(
                "This file has \(names) names (hard links), so it could change while it is read. "
                    + "Drop a copy of its own, for example with cp.")
        case .regular(let fingerprint, .some):
            _ = quiet(fingerprint, movedIn, now)
            return .wait("Still being written: waiting until the program that writes it closes it.")
        case .regular(let fingerprint, let writer):
            let isQuiet = quiet(fingerprint, movedIn, now)
            if isQuiet { return .ready }
            // Clients create the name first, so an empty file gets its time in any case.
            if fingerprint.size == 0 { return .wait("Empty so far: waiting for its content.", again: quietEnd) }
            if writer == .none || self.movedIn { return .ready }
            return .wait(
                "Still being written, perhaps: waiting until it has not changed for \(Readiness.text(settle)).",
                again: quietEnd)
        }
    }

    private var quietEnd: ContinuousClock.Instant? { quietSince.map { $0 + settle } }

    /// Notes a look, and tells whether the file has not changed for the settle time.
    private mutating func quiet(
        _ fingerprint: FileProbe.Fingerprint, _ movedIn: Bool, _ now: ContinuousClock.Instant
    ) -> Bool {
        if fingerprint != last {
            self.movedIn = movedIn
            last = fingerprint
            quietSince = now
        } else if movedIn {
            self.movedIn = true
        }
        return quietSince.map { now - $0 >= settle } ?? false
    }

    /// "2 seconds", "0.5 seconds".
    private static func text(_ duration: Duration) -> String {
        let seconds = (duration / .milliseconds(100)).rounded() / 10
        let number = seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
        return number == "1" ? "1 second" : "\(number) seconds"
    }
}
