internal import CLibPQ

extension Connection {
    /// Runs `body` between BEGIN and COMMIT. If it throws, everything is rolled back and the error goes on.
    ///
    /// - Throws: what `body` throws; `CommitUnknown` when the answer to COMMIT was lost.
    package func transaction<Output>(_ body: () throws -> Output) throws -> Output {
        try query("BEGIN ISOLATION LEVEL READ COMMITTED")
        let output: Output
        do {
            output = try body()
            try canceller.check()
        } catch {
            rollback("ROLLBACK")
            throw error
        }
        do {
            try query("COMMIT")
        } catch let error as PostgresError where isBroken {
            throw CommitUnknown(underlying: error)
        }
        return output
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
