import ArgumentParser
import Catalog
import Glibc
import Pipeline

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says what became of dropped files.",
        discussion: """
            Reads the outbox, and needs neither the database nor a running watcher. \
            With --watch and a name it waits for the end: exit code 0 completed, 1 otherwise.
            """)

    @Argument(help: "A file's name or an import's id. Without it, the newest import of every name.")
    var nameOrID: String?

    @Flag(help: "Print progress objects, one line each.")
    var json = false

    @Flag(help: "Follow a file until its end, or all files until Ctrl-C.")
    var watch = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        let outbox = Outbox(path: settings.outbox)
        if watch { return try await follow(outbox) }
        let found = find(in: outbox)
        if let nameOrID, found.isEmpty {
            throw CommandError.failed("There is nothing about \"\(nameOrID)\" in \(settings.outbox).")
        }
        if found.isEmpty, !json {
            Terminal.printLine("No file has been imported yet. Drop one into \(settings.inbox).")
        }
        for progress in found { Terminal.printLine(try Summary.line(progress, json: json)) }
    }

    private func find(in outbox: Outbox) -> [ImportProgress] {
        guard let nameOrID else { return outbox.pointers() }
        if let id = ImportID(nameOrID.lowercased()), let progress = outbox.progress(id) { return [progress] }
        return outbox.pointers().filter { $0.file == nameOrID }
    }

    private func follow(_ outbox: Outbox) async throws {
        let following = Task { () throws -> [ImportProgress]? in
            var view = FollowedLines(json: json)
            while !Task.isCancelled {
                let found = find(in: outbox)
                let hasEnded = nameOrID != nil && !found.isEmpty && found.allSatisfy(\.state.isEnd)
                try view.show(found, isLast: hasEnded)
                if hasEnded { return found }
                try? await Task.sleep(for: .milliseconds(250))
            }
            return nil
        }
        let ended = try await SignalTrap.shared.handling({ _ in following.cancel() }) { try await following.value }
        if let ended, ended.contains(where: { $0.state != .completed }) { throw ArgumentParser.ExitCode(1) }
        if ended == nil, nameOrID != nil { throw ArgumentParser.ExitCode(130) }
    }
}

/// Lines that change: written over on a terminal, added where a file or a pipe keeps them.
private struct FollowedLines {
    let json: Bool
    private let isTerminal = Terminal.isTerminal(STDOUT_FILENO)
    private var shown: [String] = []

    init(json: Bool) { self.json = json }

    /// - Parameter isLast: whether the lines stay, so that they need not be cut to be written over.
    mutating func show(_ found: [ImportProgress], isLast: Bool) throws {
        guard isTerminal, !json else {
            let lines = try found.map { try Summary.line($0, json: json) }
            // The newest comes first; a log has it last.
            for line in lines.reversed() where !shown.contains(line) { Terminal.printLine(line) }
            shown = lines
            return
        }
        let (rows, columns) = Terminal.size(STDOUT_FILENO)
        let width = isLast ? Int.max : columns - 1
        let lines = try found.prefix(rows - 1).map { try Summary.line($0, json: false, columns: width) }
        guard lines != shown else { return }
        // Up to the first of our lines, and away with what is below.
        let back = shown.isEmpty ? "" : "\u{1B}[\(shown.count)A\u{1B}[J"
        Terminal.write(back + lines.map { $0 + "\n" }.joined(), to: STDOUT_FILENO)
        shown = lines
    }
}

/// One import in one line.
enum Summary {
    static func line(_ progress: ImportProgress, json: Bool, columns: Int = .max) throws -> String {
        if json { return String(decoding: try progress.json(), as: UTF8.self) }
        let name = printable(progress.file)
        let percent = progress.state == .running ? " \(progress.percent) %" : ""
        let plain = "\(name): \(progress.state.rawValue)\(percent): \(printable(progress.message))".prefix(columns)
        let before = name.count + 2
        let after = before + progress.state.rawValue.count
        guard plain.count >= after else { return String(plain) }
        let state = String(plain.dropFirst(before).prefix(after - before))
        return plain.prefix(before) + Terminal.paint(state, colour(of: progress.state), on: STDOUT_FILENO)
            + plain.dropFirst(after)
    }

    private static func colour(of state: ImportProgress.State) -> Terminal.Colour {
        switch state {
        case .completed: .green
        case .failed: .red
        case .cancelled, .waiting: .yellow
        case .queued, .running: .blue
        }
    }

    /// Names are data: control characters must not reach the terminal.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
