internal import Postgres

/// What tells that products were added, changed or removed in between: their number, and when the newest change was.
package struct CatalogueMark: Codable, Equatable, Sendable {
    package var count: Int
    /// Microseconds since 1970; nil in an empty catalogue.
    package var changed: Int?

    package init(count: Int, changed: Int?) {
        self.count = count
        self.changed = changed
    }
}

extension ProductStore {
    /// Reads the whole table: for previews and what follows from them, not for every import.
    package func mark() throws -> CatalogueMark {
        let row = try connection.query(
            "SELECT count(*), (extract(epoch FROM max(updated_at)) * 1000000)::bigint FROM products")[0]
        return CatalogueMark(count: try row[0], changed: try row[optional: 1])
    }
}
