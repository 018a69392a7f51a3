import Admin
import ArgumentParser
import Logging

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the whole system in one process (the default).",
        discussion: "Database, watcher, webhooks and admin pages. Ctrl-C or SIGTERM stops everything in order.")

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        try Services.adminOptions(settings)
        try settings.makeFolder("IMPORTER_INBOX", settings.inbox)
        try settings.makeFolder("IMPORTER_OUTBOX", settings.outbox)
        let logger = settings.logger(default: .notice)
        try await DatabaseAccess.with(settings, waiting: true, logger: logger) { database in
            let services = Services([.inbox, .admin], settings: settings, database: database, logger: logger)
            let admin = try services.admin { address in
                Terminal.printLine(
                    """
                    Product Importer is running.
                      Drop CSV files into   \(settings.inbox)
                      See what happened in  \(settings.outbox)
                      or in a browser at    \(address.url)
                      Database              \(database.description(settings))
                    Ctrl-C stops it.
                    """)
            }
            try await services.run([admin, services.webhooks(), services.inbox()])
        }
        Terminal.printLine("Stopped.")
    }
}
