package import Catalog
package import FoundationEssentials

/// What lies in the inbox and is not imported, and why: told by the watcher, for the overview.
package struct InboxNotes: Equatable, Sendable {
    package struct Waiting: Equatable, Sendable {
        package var file: String
        package var dryRun: Bool
        package var reason: String
        package var since: Date
        /// It will never be taken as it is: a link, say.
        package var isRefused: Bool

        package init(file: FileName, dryRun: Bool, reason: String, since: Date, isRefused: Bool) {
            self.file = file.description
            self.dryRun = dryRun
            self.reason = reason
            self.since = since
            self.isRefused = isRefused
        }
    }

    package var waiting: [Waiting] = []
    /// Names that do not end in `.csv`, as they would be written from the inbox.
    package var ignored: [String] = []
    package var waitingCount = 0
    package var ignoredCount = 0

    /// So many of each are named; the rest is counted.
    private static let named = 50

    package init() {}

    /// - Parameters:
    ///   - waiting: in any order.
    ///   - ignored: in any order.
    package init(waiting: some Collection<Waiting>, ignored: some Collection<String>) {
        self.waiting = Array(
            waiting.sorted { ($0.since, $0.file) < ($1.since, $1.file) }.prefix(InboxNotes.named))
        self.ignored = Array(ignored.sorted().prefix(InboxNotes.named))
        waitingCount = waiting.count
        ignoredCount = ignored.count
    }
}
