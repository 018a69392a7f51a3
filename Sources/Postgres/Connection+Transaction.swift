internal import CLibPQ

extension Connection {
    /// Runs `body` between BEGIN and COMMIT. If it throws, everything is rolled back and the error goes on.
    ///
    /// - Throws: what `body` throws; `CommitUnknown` when the answer to COMMIT was lost; SQLSTATE 25P02 when `body`
    ///   went on after a statement had failed, for then the server would answer COMMIT with a rollback.
    package func transaction<Output>(_ body: () throws -> Output) throws -> Output {
        guard PQtransactionStatus(handle) != PQTRANS_INTRANS else {
            throw PostgresError(sqlState: "25001", message: "a transaction cannot be opened inside another one")
        }
        try query("BEGIN ISOLATION LEVEL READ COMMITTED")
        let output: Output
        do {
            output = try body()
            try canceller.check()
            try checkCanCommit()
        } catch {
            rollback("ROLLBACK")
            throw error
        }
        do {
            _ = try rows(PQexec(handle, "COMMIT"))
        } catch {
            guard isBroken else { throw error }
            throw CommitUnknown(underlying: error)
        }
        return output
    }

    private func checkCanCommit() throws(PostgresError) {
        switch PQtransactionStatus(handle) {
        case PQTRANS_INTRANS: return
        case PQTRANS_INERROR:
            throw PostgresError(sqlState: "25P02", message: "a statement failed, so nothing can be committed")
        case PQTRANS_UNKNOWN: throw PostgresError(result: nil, connection: handle)
        default: throw PostgresError(sqlState: "25P01", message: "the transaction was ended inside its scope")
        }
    }

    /// Runs `body` in a subtransaction: if it throws, only what it did is undone, and the transaction can go on.
    package func savepoint<Output>(_ body: () throws -> Output) throws -> Output {
        try query("SAVEPOINT s")
        do {
            let output = try body()
            try query("RELEASE SAVEPOINT s")
            return output
        } catch {
            rollback("ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s")
            throw error
        }
    }

    /// A rollback that fails leaves a broken connection, which the session replaces; the first error is the one to tell.
    private func rollback(_ sql: String) {
        guard !isBroken else { return }
        PQclear(PQexec(handle, sql))
    }
}

/// COMMIT was sent and the connection broke before the answer: the effect may or may not be there.
/// Resolve it by reading what the transaction would have written, on a new connection.
package struct CommitUnknown: Error, CustomStringConvertible {
    package let underlying: PostgresError
    package var description: String { "the connection broke during COMMIT: \(underlying)" }
}
