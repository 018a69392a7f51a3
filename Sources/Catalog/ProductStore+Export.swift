package import Postgres

extension ProductStore {
    /// Hands the products of a filter to `body`, some thousand rows of sku, name, description, active at a time, as they
    /// were at one moment. `body` may take its time: nothing but a snapshot is held meanwhile.
    package func export(
        _ filter: ProductFilter, _ order: ProductOrder, _ body: (ResultRows) throws -> Void
    ) throws {
        try connection.transaction {
            try connection.query(
                """
                DECLARE export NO SCROLL CURSOR FOR
                SELECT p.sku, p.name, p.description, p.active FROM products p
                WHERE \(filter.condition) ORDER BY \(order.clause)
                """)
            while true {
                let rows = try connection.query("FETCH 2000 FROM export")
                if rows.isEmpty { return }
                try body(rows)
            }
        }
    }
}
