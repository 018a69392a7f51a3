internal import CLibPQ
internal import Glibc
internal import Synchronization

/// One libpq connection. Its calls block, so it lives on a `Session`'s thread and never leaves it.
package final class Connection {
    let handle: OpaquePointer
    /// Stops from any thread what runs here. A connection whose work was cancelled is not to be used again.
    package let canceller: Canceller
    /// The names of statements that the server keeps prepared, by their text.
    private var prepared: [String: String] = [:]

    /// Connects. `conninfo` is a URL or keywords, as libpq takes them.
    ///
    /// - Throws: `PostgresError` of class 08 with libpq's own words, or the server's refusal.
    package init(_ conninfo: String, applicationName: String = "product-importer") throws(PostgresError) {
        // What stands before `dbname` gives way to what `conninfo` says; what stands behind it does not.
        let keywords = ["connect_timeout", "dbname", "fallback_application_name", "client_encoding"]
        let values = ["10", conninfo, applicationName, "UTF8"]
        let handle = withCStrings(keywords) { keywords in
            withCStrings(values) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let handle else { throw PostgresError(sqlState: "53200", message: "out of memory") }
        guard PQstatus(handle) == CONNECTION_OK else {
            let error = Connection.connectError(handle)
            PQfinish(handle)
            throw error
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        Connection.enlargeSendBuffer(PQsocket(handle))
        self.handle = handle
        self.canceller = Canceller(PQgetCancel(handle))
    }

    deinit { PQfinish(handle) }

    /// - Throws: `PostgresError` when libpq cannot read `conninfo` at all; whether anybody answers is not asked.
    package static func check(_ conninfo: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(conninfo, &message)
        defer {
            PQconninfoFree(options)
            PQfreemem(message)
        }
        guard options == nil else { return }
        let words = message.map { String(cString: $0) } ?? "out of memory"
        throw PostgresError(sqlState: "42601", message: withoutValues(PostgresError.oneLine(words)))
    }

    /// COPY sends fastest when the server always finds more to read, while we make the next piece. The kernel gives as
    /// much of this as the system's limits allow.
    private static func enlargeSendBuffer(_ socket: CInt) {
        var size: CInt = 4 << 20
        if setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, socklen_t(MemoryLayout<CInt>.size)) != 0 {
            setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
    }

    /// libpq gives no SQLSTATE for a failed connect, so what a person has to mend is read from its words.
    private static func connectError(_ handle: OpaquePointer) -> PostgresError {
        let error = PostgresError(result: nil, connection: handle)
        // Nothing was tried: the settings themselves cannot be read.
        let mistakes = ["connection info string", " in URI", "in percent-encoded value"]
        if error.message.hasPrefix("invalid ") || mistakes.contains(where: { error.message.contains($0) }) {
            return PostgresError(sqlState: "42601", message: withoutValues(error.message))
        }
        let states = [
            ("authentication failed", "28P01"), ("no password supplied", "28P01"), ("no pg_hba.conf entry", "28000"),
            ("does not exist", "3D000"), ("too many clients", "53300"), ("starting up", "57P03"),
            ("shutting down", "57P03"), ("in recovery mode", "57P03"),
        ]
        let state = states.first { error.message.contains($0.0) }?.1 ?? "08001"
        return PostgresError(sqlState: state, message: error.message)
    }

    /// libpq quotes what it cannot read, and a password with a `/` in a URL reads like a port: only signs and the names
    /// of options are repeated.
    private static func withoutValues(_ message: String) -> String {
        var pieces = message.split(separator: "\"", omittingEmptySubsequences: false)
        for index in stride(from: 1, to: pieces.count, by: 2) {
            let isName = pieces[index - 1].hasSuffix("option ") || pieces[index - 1] == "invalid URI query parameter: "
            let isSign = pieces[index].count == 1 && pieces[index].first?.isLetter == false
            if !isName && !isSign { pieces[index] = "…" }
        }
        return pieces.joined(separator: "\"")
    }

    package var isBroken: Bool { PQstatus(handle) != CONNECTION_OK }
    /// Whether the connection is broken, also when the server closed it while nobody used it. Never blocks.
    func hasEnded() -> Bool { Connection.hasEnded(handle, waiting: 0) }

    /// - Parameter milliseconds: how long to wait for the end of the stream.
    static func hasEnded(_ handle: OpaquePointer, waiting milliseconds: CInt) -> Bool {
        var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        // The server's farewell and the end of the stream may come one after the other.
        while PQstatus(handle) == CONNECTION_OK, poll(&descriptor, 1, milliseconds) > 0 {
            guard PQconsumeInput(handle) == 1 else { return true }
        }
        return PQstatus(handle) != CONNECTION_OK
    }

    package var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }
    package var serverProcess: Int { Int(PQbackendPID(handle)) }
    /// The server's encoding; texts can be stored exactly only under UTF8.
    package var serverEncoding: String { String(cString: PQparameterStatus(handle, "server_encoding")) }
    /// As the server names it, such as 15.8 (Debian 15.8-1).
    package var serverVersion: String { PQparameterStatus(handle, "server_version").map { String(cString: $0) } ?? "" }

    /// The server cuts the connection at larger messages, which would look like trouble that passes.
    private static let maximumParameterBytes = 1 << 30 - 1 << 16

    /// Runs one statement and gives back its rows.
    ///
    /// - Parameter prepared: for statements that run for every small file: the server parses and plans them only once
    ///   a connection. Not for those whose best plan depends on what they are given.
    @discardableResult
    package func query(_ sql: SQL, prepared: Bool = false) throws -> ResultRows {
        try canceller.check()
        guard sql.parameters.reduce(0, { $0 + ($1.bytes?.count ?? 0) }) <= Connection.maximumParameterBytes else {
            throw PostgresError(sqlState: "54000", message: "a statement's parameters are larger than a gigabyte")
        }
        let name = prepared ? try prepare(sql) : nil
        let result = withParameters(sql.parameters) { count, types, values, lengths, formats in
            if let name { return PQexecPrepared(handle, name, count, values, lengths, formats, 1) }
            return PQexecParams(handle, sql.text, count, types, values, lengths, formats, 1)
        }
        return try rows(result)
    }

    private func prepare(_ sql: SQL) throws -> String {
        let text = sql.text
        if let name = prepared[text] { return name }
        let name = "s\(prepared.count)"
        _ = try rows(PQprepare(handle, name, text, CInt(sql.parameters.count), sql.parameters.map { Oid($0.type.oid) }))
        prepared[text] = name
        return name
    }

    /// Runs several statements without parameters in one round trip; for schema changes.
    package func execute(script sql: SQL) throws {
        precondition(sql.parameters.isEmpty, "a script takes no parameters")
        try canceller.check()
        _ = try rows(PQexec(handle, sql.text))
    }

    func rows(_ result: OpaquePointer?) throws(PostgresError) -> ResultRows {
        switch result.map({ PQresultStatus($0) }) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            return ResultRows(owning: result!)
        default:
            let error = PostgresError(result: result, connection: handle)
            PQclear(result)
            throw error
        }
    }

    private func withParameters<Output>(
        _ parameters: [Parameter],
        _ body: (
            CInt, UnsafePointer<Oid>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<CInt>?, UnsafePointer<CInt>?
        ) -> Output
    ) -> Output {
        // One buffer holds all values; NULL has no address, an empty value one of no length.
        var offsets: [Int?] = []
        var bytes: [UInt8] = []
        for parameter in parameters {
            offsets.append(parameter.bytes == nil ? nil : bytes.count)
            bytes += parameter.bytes ?? []
            bytes.append(0)
        }
        let types = parameters.map { Oid($0.type.oid) }
        let lengths = parameters.map { CInt($0.bytes?.count ?? 0) }
        let formats = [CInt](repeating: 1, count: parameters.count)
        return bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
            return body(CInt(parameters.count), types, values, lengths, formats)
        }
    }
}

/// Calls `body` with a NULL-terminated array of C strings.
private func withCStrings<Output>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Output
) -> Output {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies.map { $0.map { UnsafePointer($0) } } + [nil])
}

/// Asks a connection's server process to stop what it is doing, from any thread, and remembers that it was asked.
package final class Canceller: Sendable {
    // A PGcancel is immutable and meant for use from other threads (libpq, "Canceling Queries in Progress").
    nonisolated(unsafe) private let handle: OpaquePointer?
    private let requested = Atomic(false)

    init(_ handle: OpaquePointer?) { self.handle = handle }
    deinit { PQfreeCancel(handle) }

    package var isRequested: Bool { requested.load(ordering: .acquiring) }

    /// - Throws: `CancellationError` once cancellation was requested.
    package func check() throws {
        if isRequested { throw CancellationError() }
    }

    /// Marks the work as cancelled: from now on no statement begins.
    func request() {
        requested.store(true, ordering: .releasing)
    }

    /// Interrupts the statement that runs now, if one does. Blocks for a round trip.
    func interrupt() {
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(handle, &message, CInt(message.count))
    }
}
