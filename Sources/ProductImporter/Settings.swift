import ArgumentParser
import Configuration
import Glibc
import Logging
import Pipeline
import Postgres
import SystemPackage

/// Where settings come from: environment variables first, then the optional file.
struct SettingsOptions: ParsableArguments {
    @Option(help: "A file of settings, one KEY=value a line, with the keys of the environment variables.")
    var config: String?
}

/// The settings of contract §2, checked. A bad value ends the program with its key, its value and what is accepted.
struct Settings: Sendable {
    var databaseURL: String?
    var inbox: String
    var outbox: String
    var data: String
    var host: String
    var port: Int
    var adminPassword: String?
    var apiToken: String?
    var allowedHosts: [String]
    var trustedProxies: [String]
    var settleSeconds: Double
    var scanSeconds: Double
    var maximumRejectPercent: Int
    var retentionDays: Int
    var webhookAllow: [Allowance]
    var webhookTimeoutSeconds: Double
    var webhookRetrySchedule: [Double]
    var logLevel: Logger.Level?

    static func load(_ options: SettingsOptions) async throws -> Settings {
        let secrets = SecretsSpecifier<String, String>.specific([
            "DATABASE_URL", "IMPORTER_ADMIN_PASSWORD", "IMPORTER_API_TOKEN",
        ])
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(secretsSpecifier: secrets)]
        if let path = options.config {
            do {
                providers.append(
                    try await EnvironmentVariablesProvider(
                        environmentFilePath: FilePath(path), secretsSpecifier: secrets))
            } catch {
                throw CommandError.usage("The settings file \(path) cannot be read: \(error)")
            }
        }
        return try Settings(Values(reader: ConfigReader(providers: providers)))
    }

    private init(_ values: Values) throws {
        databaseURL = try values.database("DATABASE_URL")
        inbox = try absolute(values.text("IMPORTER_INBOX") ?? "inbox")
        outbox = try absolute(values.text("IMPORTER_OUTBOX") ?? "outbox")
        data = try absolute(values.text("IMPORTER_DATA") ?? "var")
        host = values.text("IMPORTER_HOST") ?? "127.0.0.1"
        port = try values.integer("IMPORTER_PORT", 0...65535) ?? values.integer("PORT", 0...65535) ?? 8000
        adminPassword = values.text("IMPORTER_ADMIN_PASSWORD", secret: true)
        apiToken = values.text("IMPORTER_API_TOKEN", secret: true)
        allowedHosts = try values.hosts("IMPORTER_ALLOWED_HOSTS")
        trustedProxies = values.list("IMPORTER_TRUSTED_PROXIES")
        settleSeconds = try values.seconds("IMPORTER_SETTLE_SECONDS", 0...3600) ?? 2
        scanSeconds = try values.seconds("IMPORTER_SCAN_SECONDS", 0.1...86400) ?? 5
        maximumRejectPercent = try values.integer("IMPORTER_MAX_REJECT_PERCENT", 0...100) ?? 50
        retentionDays = try values.integer("IMPORTER_RETENTION_DAYS", 0...36500) ?? 30
        logLevel = try values.logLevel("IMPORTER_LOG_LEVEL")
        webhookAllow = try values.allowances("IMPORTER_WEBHOOK_ALLOW")
        webhookTimeoutSeconds = try values.seconds("IMPORTER_WEBHOOK_TIMEOUT_SECONDS", 1...300) ?? 15
        webhookRetrySchedule =
            try values.schedule("IMPORTER_WEBHOOK_RETRY_SCHEDULE") ?? RetryPolicy.standardSchedule
    }

    /// Where the import command keeps what it works on.
    var commandWorkFolder: String { "\(data)/work" }

    var clusterFolder: FilePath { FilePath("\(data)/postgres") }

    /// Makes the folder that a setting names. Trouble that may pass is left to whoever uses the folder.
    func makeFolder(_ key: String, _ path: String) throws {
        do {
            try Pipeline.makeFolder(path)
            guard access(path, W_OK | X_OK) == 0 else { throw SystemError("writing into \(path)", errno) }
        } catch let error as SystemError where !error.isTransient {
            throw CommandError.failed(
                "\(key) is \"\(path)\", which cannot be used (\(error)). Name a folder that this user may write to.")
        }
    }

    /// For printing: the URL without its password.
    var databaseDescription: String? {
        guard let databaseURL else { return nil }
        guard let at = databaseURL.lastIndex(of: "@"), let scheme = databaseURL.firstRange(of: "://") else {
            return databaseURL.contains("password") ? "DATABASE_URL" : databaseURL
        }
        let user = databaseURL[scheme.upperBound..<at].prefix { $0 != ":" }
        return String(databaseURL[..<scheme.upperBound] + user + databaseURL[at...])
    }

    func logger(_ label: String = "product-importer", default level: Logger.Level = .info) -> Logger {
        var logger = Logger(label: label) { SafeLogHandler(StreamLogHandler.standardError(label: $0)) }
        logger.logLevel = logLevel ?? level
        return logger
    }
}

/// Reads single values and explains the bad ones.
private struct Values {
    let reader: ConfigReader

    func text(_ key: String, secret: Bool = false) -> String? {
        let value = reader.string(
            forKey: ConfigKey(key.split(separator: "_").map { $0.lowercased() }), isSecret: secret)
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Values separated by commas.
    func list(_ key: String) -> [String] {
        (text(key) ?? "").split(separator: ",").map { $0.split(separator: " ").joined() }.filter { !$0.isEmpty }
    }

    /// The value is secret: the error says what libpq cannot read of it, without values.
    func database(_ key: String) throws -> String? {
        guard let text = text(key, secret: true) else { return nil }
        do {
            try Connection.check(text)
        } catch {
            throw CommandError.usage(
                "\(key) cannot be read (\(error)). It must be postgresql://user:password@host:port/database, or keywords "
                    + "such as \"host=… dbname=… user=…\".")
        }
        return text
    }

    /// Names and addresses without port, scheme or path.
    func hosts(_ key: String) throws -> [String] {
        let hosts = list(key)
        for host in hosts {
            let isAddress = host.hasPrefix("[") && host.hasSuffix("]") || host.count { $0 == ":" } > 1
            let isName = !host.contains(":") && host.utf8.allSatisfy { $0 > 0x20 && !"/\\@?#[]".utf8.contains($0) }
            guard isAddress || isName else {
                throw bad(key, text(key) ?? "", "host names separated by commas, without http:// and without a port")
            }
        }
        return hosts
    }

    func schedule(_ key: String) throws -> [Double]? {
        guard let text = text(key) else { return nil }
        guard let schedule = RetryPolicy.schedule(text) else {
            throw bad(key, text, "delays separated by commas, such as 5s,5m,2h,1d")
        }
        return schedule
    }

    func allowances(_ key: String) throws -> [Allowance] {
        guard let text = text(key) else { return [] }
        let accepted = "hosts, addresses or networks separated by commas, such as crm.local,10.1.0.0/16"
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { entry in
            let end = entry.lastIndex { $0 != " " }.map { entry.index(after: $0) } ?? entry.startIndex
            guard let allowance = Allowance(String(entry[..<end].trimmingPrefix { $0 == " " })) else {
                throw bad(key, text, accepted)
            }
            return allowance
        }
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = text(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw bad(key, text, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func seconds(_ key: String, _ range: ClosedRange<Double>) throws -> Double? {
        guard let text = text(key) else { return nil }
        guard let value = Double(text), range.contains(value) else {
            throw bad(key, text, "seconds from \(range.lowerBound) to \(range.upperBound), such as 2 or 0.5")
        }
        return value
    }

    func logLevel(_ key: String) throws -> Logger.Level? {
        guard let text = text(key) else { return nil }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw bad(key, text, "one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }

    private func bad(_ key: String, _ value: String, _ accepted: String) -> CommandError {
        .usage("\(key) is \"\(value)\", but it must be \(accepted).")
    }
}

/// A path that stays right whatever the working folder becomes.
func absolute(_ path: String) throws -> String {
    if path.hasPrefix("/") { return path }
    guard let current = getcwd(nil, 0) else { throw CommandError.failed("The current folder cannot be found.") }
    defer { free(current) }
    let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    return String(cString: current) + "/" + relative
}
