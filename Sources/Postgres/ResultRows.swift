internal import CLibPQ

/// The rows of a statement, in binary format. Owns the libpq result.
package final class ResultRows: RandomAccessCollection {
    private let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }
    deinit { PQclear(handle) }

    package var startIndex: Int { 0 }
    package var endIndex: Int { Int(PQntuples(handle)) }
    package subscript(position: Int) -> ResultRow { ResultRow(rows: self, index: position) }

    /// Rows inserted, updated, deleted, copied or selected, from the command tag.
    package var affected: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    fileprivate func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let (row, column) = (CInt(row), CInt(column))
        precondition(column < PQnfields(handle), "no column \(column)")
        guard PQgetisnull(handle, row, column) == 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(handle, row, column), count: Int(PQgetlength(handle, row, column)))
    }
}

/// One row; columns are read by position, in the order of the SELECT list.
package struct ResultRow {
    fileprivate let rows: ResultRows
    fileprivate let index: Int

    package subscript<Value: PostgresDecodable>(_ column: Int, as type: Value.Type = Value.self) -> Value {
        get throws(PostgresError) {
            guard let value: Value = try self[optional: column] else {
                throw PostgresError(sqlState: "22004", message: "column \(column) is NULL")
            }
            return value
        }
    }

    package subscript<Value: PostgresDecodable>(optional column: Int, as type: Value.Type = Value.self) -> Value? {
        get throws(PostgresError) {
            guard let bytes = rows.bytes(index, column) else { return nil }
            return try Value(postgres: bytes)
        }
    }

    /// The bytes of a column as they came, valid while the rows live; nil for NULL.
    package func bytes(_ column: Int) -> UnsafeRawBufferPointer? { rows.bytes(index, column) }
}
