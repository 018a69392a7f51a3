import ArgumentParser
import Logging

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watches the inbox, imports what is dropped, and delivers webhooks.",
        discussion: "For production, beside `serve`: each can be a service unit of its own.")

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        try settings.makeFolder("IMPORTER_INBOX", settings.inbox)
        try settings.makeFolder("IMPORTER_OUTBOX", settings.outbox)
        let logger = settings.logger()
        try await DatabaseAccess.with(settings, waiting: true, logger: logger) { database in
            let services = Services([.inbox], settings: settings, database: database, logger: logger)
            try await services.run([services.webhooks(), services.inbox()])
        }
    }
}
