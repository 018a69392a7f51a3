internal import CLibPQ

/// Sends data of a COPY … FROM STDIN. It exists only inside `Connection.copyIn`.
package struct CopyWriter: ~Copyable {
    fileprivate let connection: Connection

    /// Sends `bytes` as one CopyData message; large pieces (256 KiB) cost fewest system calls.
    ///
    /// - Throws: `CancellationError`, or an error of class 08 when the connection is broken. What the server has
    ///   against the data is known at the end of the COPY only: it then throws what came after the wrong row away.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        try connection.canceller.check()
        guard !bytes.isEmpty else { return }
        let chars = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
        guard PQputCopyData(connection.handle, chars, CInt(bytes.count)) == 1 else {
            throw PostgresError(result: nil, connection: connection.handle)
        }
    }
}

extension Connection {
    /// Runs a COPY … FROM STDIN whose data `body` writes, and gives back how many rows the server stored.
    ///
    /// If `body` throws, the COPY is ended with an error on the server and the connection can be used again.
    package func copyIn(_ sql: SQL, _ body: (borrowing CopyWriter) throws -> Void) throws -> Int {
        try start(sql, expecting: PGRES_COPY_IN)
        do {
            try body(CopyWriter(connection: self))
        } catch {
            _ = PQputCopyEnd(handle, "the client gave up")
            drain()
            throw error
        }
        guard PQputCopyEnd(handle, nil) == 1 else { throw PostgresError(result: nil, connection: handle) }
        let result = PQgetResult(handle)
        drain()
        return try rows(result).affected
    }

    /// Runs a COPY … TO STDOUT and hands each message to `body`: in binary format, the header comes with the first
    /// row, then one row a message, then the two bytes of the trailer. The bytes are valid only during the call.
    package func copyOut(_ sql: SQL, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try start(sql, expecting: PGRES_COPY_OUT)
        do {
            while let message = try nextMessage() {
                defer { PQfreemem(message.baseAddress) }
                try body(UnsafeRawBufferPointer(message))
                if canceller.isRequested { throw CancellationError() }
            }
        } catch {
            abandonOutput()
            throw error
        }
        let result = PQgetResult(handle)
        drain()
        _ = try rows(result)
    }

    private func start(_ sql: SQL, expecting status: ExecStatusType) throws {
        precondition(sql.parameters.isEmpty, "COPY takes no parameters")
        try canceller.check()
        let result = PQexec(handle, sql.text)
        guard result.map({ PQresultStatus($0) }) == status else {
            let error = PostgresError(result: result, connection: handle)
            PQclear(result)
            throw error
        }
        PQclear(result)
    }

    private func nextMessage() throws(PostgresError) -> UnsafeMutableRawBufferPointer? {
        var message: UnsafeMutablePointer<CChar>?
        let count = PQgetCopyData(handle, &message, 0)
        switch count {
        case 0...: return UnsafeMutableRawBufferPointer(start: message, count: Int(count))
        case -1: return nil
        default: throw PostgresError(result: nil, connection: handle)
        }
    }

    /// Ends a COPY … TO STDOUT before its end, so that the connection can be used again.
    private func abandonOutput() {
        canceller.interrupt()
        while !isBroken, PQgetResult(handle).map({ isCopy($0) }) == true {
            do {
                while let rest = try nextMessage() { PQfreemem(rest.baseAddress) }
            } catch {
                // Still inside the COPY: the session replaces such a connection.
                return
            }
        }
        drain()
    }

    /// True while the result says that a COPY is still open; frees it.
    private func isCopy(_ result: OpaquePointer) -> Bool {
        defer { PQclear(result) }
        return PQresultStatus(result) == PGRES_COPY_OUT
    }

    /// Reads results until the connection is idle again; a broken one ends at once.
    private func drain() {
        while let result = PQgetResult(handle) {
            let status = PQresultStatus(result)
            PQclear(result)
            if isBroken || status == PGRES_COPY_IN || status == PGRES_COPY_OUT { return }
        }
    }
}
