/// Why the embedded database cannot be used, and what to do about it, in words for whoever started the program.
package struct ClusterError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// No PostgreSQL server is installed, or not the version that the data needs.
        case serverMissing
        /// The operating-system user that the server should run as is missing or cannot be used.
        case account
        /// The folder cannot be made, entered or used.
        case folder
        /// `initdb` failed.
        case creation
        /// The server does not start, does not answer, or refuses us.
        case server
    }

    package let code: Code
    /// What is wrong.
    package let message: String
    /// What to do about it.
    package let remedy: String
    /// The last lines of the server's log or of the failed command, where they tell more.
    package let output: [String]

    init(_ code: Code, _ message: String, remedy: String, output: [String] = []) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.output = output
    }

    package var description: String {
        let quoted = output.isEmpty ? "" : "\n" + output.map { "    " + $0 }.joined(separator: "\n")
        return "\(message) \(remedy)\(quoted)"
    }
}

extension ClusterError {
    /// The remedies for what a server or `initdb` says most often when it gives up.
    private static let knownRemedies: [(symptom: String, remedy: String)] = [
        ("No space left on device", "The disk is full: free some space, then start again."),
        ("Disk quota exceeded", "The disk quota is used up: free some space, then start again."),
        ("Cannot allocate memory", "Memory is short: stop other programs, then start again."),
        ("Read-only file system", "Set IMPORTER_DATA to a folder on a disk that can be written."),
        ("user does not exist", "Run the program as a user with an entry in /etc/passwd, or set DATABASE_URL."),
        ("invalid locale name", "That locale is not installed: see `locale -a` and `dpkg-reconfigure locales`."),
        ("Permission denied", "Give the folder and all in it back to the user that the server runs as (chown -R)."),
        (
            "could not locate a valid checkpoint record",
            "The data is damaged: restore a backup of the folder, or remove the folder to begin with an empty catalogue."
        ),
    ]

    /// - Parameter fallback: What to do when the output shows none of the usual causes.
    init(_ code: Code, _ message: String, output: [String], fallback: String) {
        let known = Self.knownRemedies.first { known in output.contains { $0.contains(known.symptom) } }
        self.init(code, message, remedy: known?.remedy ?? fallback, output: output)
    }
}
