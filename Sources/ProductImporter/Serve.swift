import Admin
import ArgumentParser
import Logging

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves the admin pages and the API.",
        discussion: "For production, beside `watch`: each can be a service unit of its own.")

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await Settings.load(options)
        try Services.adminOptions(settings)
        let logger = settings.logger()
        try await DatabaseAccess.with(settings, waiting: true, logger: logger) { database in
            let services = Services([.admin], settings: settings, database: database, logger: logger)
            let schema = SchemaUpgrade(conninfo: database.conninfo, logger: logger)
            try await services.run([schema, services.admin { Terminal.printLine("Admin pages: \($0.url)") }])
        }
    }
}
