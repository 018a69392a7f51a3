import Catalog
import Glibc
import Synchronization

/// A bar with rate and time left on a terminal; nothing when standard error is none.
final class ProgressBar: Sendable {
    private let name: String
    private let isTerminal = Terminal.isTerminal(STDERR_FILENO)
    private let start = ContinuousClock.now
    private let shown = Mutex(false)

    init(name: String) { self.name = name }

    func show(_ progress: ImportProgress) {
        guard isTerminal, !progress.state.isEnd else { return }
        shown.withLock { $0 = true }
        let width = 24
        let filled = width * progress.percent / 100
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        var text = "\(name)  \(bar) \(progress.percent) %  \(progress.message)"
        if elapsed > 0.5, progress.rows.read > 0 { text += " · \(Int(Double(progress.rows.read) / elapsed)) rows/s" }
        if let remaining = progress.secondsRemaining { text += " · \(Int(remaining.rounded(.up))) s left" }
        // Back to the start of the line, and clear the rest of it.
        Terminal.write("\r\u{1B}[2K" + String(text.prefix(Terminal.size(STDERR_FILENO).columns - 1)), to: STDERR_FILENO)
    }

    func clear() {
        if shown.withLock({ $0 }) { Terminal.write("\r\u{1B}[2K", to: STDERR_FILENO) }
    }
}
