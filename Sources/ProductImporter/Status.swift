import ArgumentParser
import Catalog
import Glibc
import Pipeline

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says what became of dropped files.",
        discussion: "Reads the outbox, and needs neither the database nor a running watcher.")

    @Argument(help: "A file's name or an import's id. Without it, the newest import of every name.")
    var nameOrID: String?

    @Flag(help: "Print progress objects, one line each.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        let found = find(in: Outbox(path: settings.outbox))
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
}

/// One import in one line.
enum Summary {
    static func line(_ progress: ImportProgress, json: Bool) throws -> String {
        if json { return String(decoding: try progress.json(), as: UTF8.self) }
        let name = printable(progress.file)
        let percent = progress.state == .running ? " \(progress.percent) %" : ""
        return "\(name): \(progress.state.rawValue)\(percent): \(printable(progress.message))"
    }

    /// Names are data: control characters must not reach the terminal.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
