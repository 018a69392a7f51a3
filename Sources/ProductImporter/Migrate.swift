import ArgumentParser
import Logging
import Catalog

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Creates or upgrades the tables.",
        discussion: "Every other command does this at its start, too. Several processes may do it at once.")

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        let logger = settings.logger(default: .warning)
        let applied = try await DatabaseAccess.with(settings, waiting: true, logger: logger) { try await $0.migrate() }
        Terminal.printLine(
            applied.isEmpty
                ? "The schema is up to date (version \(Schema.currentVersion))."
                : "Applied: \(applied.joined(separator: ", ")). The schema has version \(Schema.currentVersion).")
    }
}
