import Glibc
import Subprocess
import SystemPackage

/// The operating-system user that owns the cluster and runs its server. PostgreSQL refuses to run as root.
struct ClusterAccount: Sendable, Equatable {
    let name: String
    let userID: uid_t
    let groupID: gid_t

    /// Who runs this process, as far as file access goes.
    static func current() throws -> ClusterAccount {
        let id = geteuid()
        guard let account = ClusterAccount(userID: id) else {
            throw ClusterError(
                .account, "The embedded database cannot run as user ID \(id), which has no name on this system.",
                remedy: "Run the program as a user with an entry in /etc/passwd, or set DATABASE_URL.")
        }
        return account
    }

    /// The user that the distribution's PostgreSQL package makes: the server's user when we are root.
    static func postgres() throws -> ClusterAccount {
        guard let account = ClusterAccount(name: "postgres") else {
            throw ClusterError(
                .account, "The embedded database needs the system user \"postgres\" when it is started as root.",
                remedy: "Install the server, which makes that user (`apt-get install postgresql`), "
                    + "or start the program as an ordinary user, or set DATABASE_URL.")
        }
        return account
    }

    init?(userID: uid_t) {
        self.init { getpwuid_r(userID, $0, $1, $2, $3) }
    }

    init?(name: String) {
        self.init { getpwnam_r(name, $0, $1, $2, $3) }
    }

    private typealias Lookup = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> CInt

    private init?(_ lookup: Lookup) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        let account = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 * 1024) { buffer -> ClusterAccount? in
            guard lookup(&entry, buffer.baseAddress!, buffer.count, &found) == 0, found != nil else { return nil }
            return ClusterAccount(name: String(cString: entry.pw_name), userID: entry.pw_uid, groupID: entry.pw_gid)
        }
        guard let account else { return nil }
        self = account
    }

    private init(name: String, userID: uid_t, groupID: gid_t) {
        self.name = name
        self.userID = userID
        self.groupID = groupID
    }
}

extension ClusterAccount {
    /// An argument of a command. Paths are kept byte for byte: not every name is UTF-8.
    enum Word: ExpressibleByStringLiteral {
        case text(String)
        case path(FilePath)

        init(stringLiteral value: String) { self = .text(value) }

        /// With the final NUL, without which Subprocess would read on.
        fileprivate var bytes: [UInt8] {
            switch self {
            case .text(let text): Array(text.utf8) + [0]
            case .path(let path): path.bytes + [0]
            }
        }
    }

    /// What a command said and how it ended.
    struct CommandResult: Sendable {
        let succeeded: Bool
        /// Standard output and standard error together, by line.
        let lines: [String]
    }

    /// Part of util-linux, which every Debian system has.
    private static let setpriv: FilePath = "/usr/bin/setpriv"

    /// Runs a command as this user to its end.
    ///
    /// It gets no descriptor of ours, a working directory that every user may enter, and a small environment: `PG*`
    /// variables and locales of whoever started the program must not change the cluster.
    func run(_ executable: FilePath, _ arguments: [Word], newSession: Bool = false) async throws -> CommandResult {
        var options = PlatformOptions()
        options.createSession = newSession
        var (executable, arguments) = (executable, arguments)
        if geteuid() == 0, userID != 0 {
            // Not by Subprocess's own options: between fork and exec they call glibc's setgroups, which waits for ever
            // for any thread that the parent was just starting.
            arguments =
                [
                    .text("--reuid=\(userID)"), .text("--regid=\(groupID)"), "--init-groups", "--", .path(executable),
                ] + arguments
            executable = ClusterAccount.setpriv
        }
        let result: ExecutionResult<Void, BytesOutput, CombinedErrorOutput>
        do {
            result = try await Subprocess.run(
                .path(executable), arguments: Arguments(arguments.map(\.bytes)),
                environment: .custom(["PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"]),
                workingDirectory: "/", platformOptions: options,
                output: .bytes(limit: 1 << 20), error: .combinedWithOutput)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw ClusterError(
                .account, "The program \(executable) cannot be run as user \"\(name)\": \(error).",
                remedy: "Start the program as an ordinary user, or set DATABASE_URL.")
        }
        // A cancellation kills the command, whose failure must not be taken for an answer.
        try Task.checkCancellation()
        let text = String(decoding: result.standardOutput, as: UTF8.self)
        return CommandResult(
            succeeded: result.terminationStatus.isSuccess, lines: text.split(separator: "\n").map(String.init))
    }

    /// Whether this user may enter a folder, with all folders above it, access lists included: asked by trying.
    func canEnter(_ folder: FilePath) async throws -> Bool {
        try await run("/bin/sh", ["-c", "cd -- \"$1\"", "sh", .path(folder)]).succeeded
    }
}

extension FilePath {
    /// The path as the kernel sees it: not every name is UTF-8.
    var bytes: [UInt8] {
        withPlatformString { pointer in
            UnsafeBufferPointer(start: pointer, count: length).map { UInt8(bitPattern: $0) }
        }
    }
}
