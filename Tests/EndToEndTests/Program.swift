import Foundation
import TestSupport

/// The real binary with folders of its own.
struct Program {
    let folder: String
    var environment: [String: String]

    init(folder: String, database: String?) {
        self.folder = folder
        environment = [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "IMPORTER_INBOX": "\(folder)/inbox",
            "IMPORTER_OUTBOX": "\(folder)/outbox", "IMPORTER_DATA": "\(folder)/var", "IMPORTER_PORT": "0",
            "IMPORTER_SCAN_SECONDS": "0.5",
        ]
        environment["DATABASE_URL"] = database
    }

    /// Beside the test binary, which the package manager has built with it.
    static let path: String = {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appendingPathComponent("product-importer").path
    }()

    struct Result {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs to the end.
    func run(_ arguments: String..., environment extra: [String: String] = [:]) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = arguments
        process.environment = environment.merging(extra) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let outputPath = "\(folder)/.stdout-\(UUID())"
        let errorPath = "\(folder)/.stderr-\(UUID())"
        _ = FileManager.default.createFile(atPath: outputPath, contents: nil)
        _ = FileManager.default.createFile(atPath: errorPath, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: try String(contentsOfFile: outputPath, encoding: .utf8),
            errors: try String(contentsOfFile: errorPath, encoding: .utf8))
    }

    /// Starts a service in the background, its log in the folder.
    func start(_ arguments: String...) throws -> Running {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let log = "\(folder)/.log-\(UUID())"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return Running(process: process, logPath: log)
    }

    struct Running {
        let process: Process
        let logPath: String

        var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

        func kill() {
            Glibc.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        /// - Returns: how long the program took to stop.
        func stop(_ signal: Int32 = SIGTERM) -> Duration {
            ContinuousClock().measure {
                Glibc.kill(process.processIdentifier, signal)
                process.waitUntilExit()
            }
        }
    }

    // MARK: Files

    /// Drops a file as a careful client does: under a temporary name, then renamed.
    func drop(_ name: String, _ text: String, into subfolder: String = "") throws {
        let folder = "\(folder)/inbox\(subfolder)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/.\(name).part"))
        guard rename("\(folder)/.\(name).part", "\(folder)/\(name)") == 0 else { throw POSIXError(.EIO) }
    }

    func pointer(_ name: String) -> [String: Any]? {
        guard let data = FileManager.default.contents(atPath: "\(folder)/outbox/\(name).json") else { return nil }
        return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
    }

    /// Waits until the pointer of a name shows an end.
    func end(of name: String, within seconds: Double = 60) async throws -> [String: Any] {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if let progress = pointer(name),
                ["completed", "failed", "cancelled"].contains(progress["state"] as? String)
            {
                return progress
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TimedOut(message: "\(name) did not end; its progress: \(pointer(name) ?? [:])")
    }

    struct TimedOut: Error {
        let message: String
    }

    /// Everything below a folder, relative to it.
    func files(below subfolder: String) -> [String] {
        let found = FileManager.default.enumerator(atPath: "\(folder)/\(subfolder)")
        return (found?.allObjects as? [String] ?? []).sorted()
    }
}
