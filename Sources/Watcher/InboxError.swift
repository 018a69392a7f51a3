/// Why a watcher cannot start, in words for the person who started it.
package enum InboxError: Error, Sendable, CustomStringConvertible {
    /// Another process watches this inbox.
    case watchedAlready(String)
    /// A watcher in this process still runs: the library behind it has one watch per process.
    case oneWatchPerProcess
    /// Something in the inbox is not what it should be; the sentence says what to do.
    case unusable(String)

    package var description: String {
        switch self {
        case .watchedAlready(let path):
            "Another product-importer already watches the inbox \(path). Stop it first, or set IMPORTER_INBOX to "
                + "another folder."
        case .oneWatchPerProcess: "This process already watches an inbox."
        case .unusable(let sentence): sentence
        }
    }
}
