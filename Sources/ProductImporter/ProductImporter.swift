import ArgumentParser
import CBuildStamp
import Catalog
import Glibc

/// The one binary. Each subcommand is a file of its own; this one only chooses and turns errors into exit codes.
@main
struct ProductImporter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "product-importer",
        abstract: "Imports CSV files of products that are dropped into a folder.",
        discussion: """
            Without a subcommand, the whole system runs: an embedded PostgreSQL (unless DATABASE_URL is set), the \
            inbox's watcher and the admin pages. Drop a CSV file into ./inbox and look into ./outbox, or open \
            http://127.0.0.1:8000/.

            Settings are environment variables (IMPORTER_INBOX, IMPORTER_OUTBOX, DATABASE_URL, …), or the same keys in \
            a file given by --config.
            """,
        version: versionText,
        subcommands: [Up.self, Watch.self, Serve.self, Import.self, Migrate.self, Status.self],
        defaultSubcommand: Up.self)

    /// The version and, where make or a package built it, the commit.
    private static var versionText: String {
        let commit = String(cString: build_commit())
        return commit.isEmpty ? ProgramVersion.number : "\(ProgramVersion.number) (\(commit))"
    }

    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        await SignalTrap.shared.install()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Glibc.exit(report(error))
        }
    }

    /// Prints what went wrong and gives the exit code (contract §1): 1 failed, 2 usage, 75 database unreachable.
    private static func report(_ error: any Error) -> Int32 {
        switch error {
        case let error as CommandError:
            Terminal.printFailure(error.message)
            return error.exitCode
        case let code as ArgumentParser.ExitCode:
            return code.rawValue
        default:
            let code = exitCode(for: error)
            let message = fullMessage(for: error)
            if code == .success {
                Terminal.printLine(message)
                return 0
            }
            Terminal.printError(message)
            return code == .validationFailure ? 2 : 1
        }
    }
}

/// An end of the program in words for the person who started it.
struct CommandError: Error {
    let message: String
    let exitCode: Int32

    static func failed(_ message: String) -> CommandError { CommandError(message: message, exitCode: 1) }
    /// 128 and the number of SIGINT, as shells have it.
    static let interrupted = CommandError(message: "Stopped before it had begun.", exitCode: 130)
    static func usage(_ message: String) -> CommandError { CommandError(message: message, exitCode: 2) }
    /// EX_TEMPFAIL of sysexits.h: trying again later may help.
    static func databaseUnreachable(_ reason: String) -> CommandError {
        CommandError(
            message: "The database cannot be reached: \(reason). Check that it runs and that DATABASE_URL is right.",
            exitCode: 75)
    }
}
