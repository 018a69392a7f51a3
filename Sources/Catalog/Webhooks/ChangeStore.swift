package import Postgres

/// What one import changes, product by product, kept until its transaction ends: for `products.changed`.
///
/// New values can be read from `products` itself, where this transaction's rows carry its `now()`. Old ones are kept
/// just before they are overwritten, in a temporary table.
package struct ChangeStore {
    private let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// A changed product; the old values are nil when the import created it.
    package struct Change {
        package let id: Int
        package let new: Values
        package let old: Values?

        package struct Values {
            package let sku: UnsafeRawBufferPointer
            package let name: UnsafeRawBufferPointer
            package let description: UnsafeRawBufferPointer
            package let active: Bool

            fileprivate init(_ row: ResultRow, at column: Int) throws {
                sku = row.bytes(column)!
                name = row.bytes(column + 1)!
                description = row.bytes(column + 2)!
                active = try row[column + 3]
            }
        }
    }

    package func prepare() throws {
        try connection.execute(
            script: """
                CREATE TEMPORARY TABLE import_before (
                    id bigint PRIMARY KEY, sku text, name text, description text, active boolean) ON COMMIT DROP;
                CREATE TEMPORARY TABLE import_feed (index integer PRIMARY KEY, products bytea) ON COMMIT DROP;
                """)
    }

    /// Before products with these ids are overwritten.
    package func keepOld(ids: ArrayParameter) throws {
        try connection.query(
            """
            INSERT INTO import_before SELECT id, sku, name, description, active FROM products
            WHERE id = ANY(\(ids.parameter)) FOR UPDATE ON CONFLICT DO NOTHING
            """)
    }

    /// Before products with these keys are overwritten, should there be any. Those of this very import are no old ones.
    package func keepOld(keys: ArrayParameter) throws {
        try connection.query(
            """
            INSERT INTO import_before SELECT id, sku, name, description, active FROM products
            WHERE lower(sku) COLLATE "C" = ANY(\(keys.parameter)) AND created_at <> now()
            FOR UPDATE ON CONFLICT DO NOTHING
            """)
    }

    /// All changes, a few hundred at a time. What was overwritten with the same is no change.
    package func read(_ body: (Change) throws -> Void) throws {
        try connection.query(
            """
            DECLARE import_changes NO SCROLL CURSOR FOR
            SELECT p.id, p.sku, p.name, p.description, p.active, b.id IS NOT NULL, b.sku, b.name, b.description, b.active
            FROM products p LEFT JOIN import_before b ON b.id = p.id
            WHERE p.updated_at = now() AND (p.created_at = now() OR b.id IS NOT NULL)
            """)
        while true {
            let rows = try connection.query("FETCH 500 FROM import_changes")
            if rows.isEmpty { break }
            for row in rows {
                let old = try row[5, as: Bool.self] ? try Change.Values(row, at: 6) : nil
                try body(Change(id: row[0], new: try Change.Values(row, at: 1), old: old))
            }
        }
        try connection.query("CLOSE import_changes")
    }

    /// Keeps one message's products until it is known how many messages there are.
    package func keep(message index: Int, products: [UInt8]) throws {
        try connection.query("INSERT INTO import_feed VALUES (\(index), \(products))")
    }

    /// Makes one event of each message that was kept, and its deliveries.
    package func enqueue(_ importID: ImportID, at time: String) throws {
        let head =
            #"{"type":"\#(EventType.productsChanged.rawValue)","timestamp":"\#(time)","data":{"batch":"#
            + #"{"import_id":"\#(importID)","index":"#
        let made = try connection.query(
            """
            WITH message AS MATERIALIZED (
                SELECT gen_random_uuid() AS id, index, products, count(*) OVER () AS total FROM import_feed),
            event AS (
                INSERT INTO webhook_events (id, type, import_id, body)
                SELECT id, \(EventType.productsChanged.rawValue), \(importID),
                    convert_to(\(head) || index || ',"total":' || total || '},"products":[', 'UTF8') || products
                        || convert_to(']}}', 'UTF8')
                FROM message RETURNING id)
            INSERT INTO webhook_deliveries (webhook_id, event_id)
            SELECT w.id, m.id FROM webhooks w, message m
            WHERE \(EventStore.takes(.productsChanged)) AND EXISTS (SELECT FROM event) ORDER BY m.index, w.id
            """
        ).affected
        if made > 0 { try connection.notify(EventStore.channel) }
    }
}
