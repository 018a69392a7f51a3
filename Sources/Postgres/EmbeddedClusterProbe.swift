import CLibPQ
import Dispatch
import SystemPackage

/// Asks a server how it is, and makes sure that our database is there.
enum Probe {
    enum Answer: Sendable { case ready, busy, silent }

    /// libpq blocks: its calls are made on a thread of our own.
    private static let queue = DispatchQueue(label: "importer.cluster")

    private static func blocking<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }

    /// Needs no login. A server in recovery or at its end says that it is busy.
    static func ask(_ socketDirectory: FilePath) async -> Answer {
        let keywords = ConnectionKeywords(socketDirectory: socketDirectory, database: "postgres").text
        return await blocking {
            switch PQping(keywords + " connect_timeout=5") {
            case PQPING_OK: .ready
            case PQPING_REJECT: .busy
            default: .silent
            }
        }
    }

    enum Outcome: Sendable {
        case done
        case refused(String)
    }

    /// Connects to a database and, if asked to, runs a statement there.
    static func run(_ statement: String?, in keywords: ConnectionKeywords) async -> Outcome {
        let text = keywords.text
        return await blocking {
            let connection = PQconnectdb(text)
            defer { PQfinish(connection) }
            guard PQstatus(connection) == CONNECTION_OK else { return .refused(message(of: connection)) }
            guard let statement else { return .done }
            let result = PQexec(connection, statement)
            defer { PQclear(result) }
            return PQresultStatus(result) == PGRES_COMMAND_OK ? .done : .refused(message(of: connection))
        }
    }

    private static func message(of connection: OpaquePointer?) -> String {
        PQerrorMessage(connection).map { String(cString: $0) } ?? "out of memory"
    }
}

extension ClusterServer {
    /// Makes the database `importer`, in the cluster's own locale, unless it can be connected to.
    func ensureDatabase(socketDirectory: FilePath) async throws {
        let database = ConnectionKeywords(socketDirectory: socketDirectory, database: "importer")
        guard case .refused = await Probe.run(nil, in: database) else { return }
        let maintenance = ConnectionKeywords(socketDirectory: socketDirectory, database: "postgres")
        let creation = await Probe.run("CREATE DATABASE importer", in: maintenance)
        guard case let .refused(reason) = await Probe.run(nil, in: database) else { return }
        var output = reason.split(separator: "\n").map(String.init)
        if case let .refused(reason) = creation { output += reason.split(separator: "\n").map(String.init) }
        throw ClusterError(
            .server, "The embedded database in \(folder.path) cannot be used.", output: output,
            fallback: "See its log, \(folder.log), or set DATABASE_URL to use another server.")
    }
}
