package import Postgres

/// The rows of `products`, as an import needs them: read back, looked up by key, written in bulk. A key is
/// `lower(sku)`, computed by this database and compared by its bytes.
package struct ProductStore {
    let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// Which columns the file brought; the others of an existing product are left alone.
    package struct Columns: Sendable, Equatable {
        package var name: Bool
        package var description: Bool
        package var active: Bool

        package init(name: Bool, description: Bool, active: Bool) {
            self.name = name
            self.description = description
            self.active = active
        }
    }

    // MARK: Keys

    /// Whether this database folds ASCII as ASCII: under a Turkish collation `lower('I')` is not `i`.
    package func foldsASCII() throws -> Bool {
        let ascii = String(decoding: 1...127, as: UTF8.self)
        let folded = String(decoding: ascii.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        return try connection.query("SELECT lower(\(ascii)) COLLATE \"C\" = \(folded)", prepared: true)[0][0]
    }

    /// Keys of many SKUs in one round trip, in their order.
    package func fold(_ skus: ArrayParameter) throws -> ResultRows {
        try connection.query(
            "SELECT lower(u.sku) FROM unnest(\(skus.parameter)) WITH ORDINALITY AS u(sku, n) ORDER BY n")
    }

    // MARK: Reading

    /// How large the catalogue is about, from the table's size: exact enough to choose a plan by.
    package func estimatedCount() throws -> Int {
        let row = try connection.query(
            """
            SELECT CASE WHEN NOT EXISTS (SELECT FROM products) THEN 0
                WHEN c.reltuples > 0 AND c.relpages > 0
                THEN (c.reltuples / c.relpages * (pg_relation_size(c.oid) / 8192))::bigint
                ELSE pg_relation_size(c.oid) / 200 END
            FROM pg_class c WHERE c.oid = 'products'::regclass
            """, prepared: true)[0]
        return try row[0]
    }

    /// What `readAll` streams.
    package enum Stream: Sendable {
        /// All products, without their keys: the table as it stands is what the server sends fastest.
        case withoutKeys
        /// All products, each with its key.
        case withKeys
        /// Those whose SKU is not pure ASCII, each with its key.
        case nonASCIIWithKeys

        fileprivate var sql: SQL {
            switch self {
            case .withoutKeys: "COPY products (id, sku, name, description, active) TO STDOUT (FORMAT binary)"
            case .withKeys:
                """
                COPY (SELECT id, lower(sku), sku, name, description, active FROM products) TO STDOUT (FORMAT binary)
                """
            case .nonASCIIWithKeys:
                """
                COPY (SELECT id, lower(sku), sku, name, description, active FROM products
                    WHERE octet_length(sku) <> char_length(sku)) TO STDOUT (FORMAT binary)
                """
            }
        }
    }

    /// Streams products as binary COPY messages of id, key (if wanted), sku, name, description, active.
    package func readAll(_ stream: Stream, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try connection.copyOut(stream.sql, body)
    }

    /// Products with one of these keys: position in `keys` from 1, id, sku, name, description, active.
    package func find(keys: ArrayParameter) throws -> ResultRows {
        try connection.query(
            """
            SELECT k.n, p.id, p.sku, p.name, p.description, p.active
            FROM unnest(\(keys.parameter)) WITH ORDINALITY AS k(key, n) CROSS JOIN LATERAL (
                SELECT * FROM products p WHERE lower(p.sku) COLLATE "C" = k.key OFFSET 0) p
            """)
    }

    /// How many products there are up to an id, and the sum of their ids: what changes when one of them is deleted.
    package func fingerprint(upTo id: Int) throws -> Fingerprint {
        let row = try connection.query(
            "SELECT count(*), \(ProductStore.wrappedSum) FROM products p WHERE p.id <= \(id)")[0]
        return Fingerprint(count: try row[0], sum: try row[1])
    }

    package func fingerprint(of ids: ArrayParameter) throws -> Fingerprint {
        let row = try connection.query(
            """
            SELECT count(*), \(ProductStore.wrappedSum)
            FROM unnest(\(ids.parameter)) AS s(id) CROSS JOIN LATERAL (
                SELECT p.id FROM products p WHERE p.id = s.id OFFSET 0) p
            """)[0]
        return Fingerprint(count: try row[0], sum: try row[1])
    }

    /// The sum as `&+` has it: other programs may have given products ids of any size.
    private static let wrappedSum: SQL = """
        (mod(mod(coalesce(sum(p.id), 0), 18446744073709551616) + 27670116110564327424, 18446744073709551616)
            - 9223372036854775808)::bigint
        """

    package struct Fingerprint: Equatable, Sendable {
        package var count = 0
        package var sum = 0
        package init(count: Int = 0, sum: Int = 0) {
            self.count = count
            self.sum = sum
        }
    }

    // MARK: Writing

    /// Settings of the transaction that loads: batches are looked up through the indexes, and a row that another
    /// session keeps locked makes us try again later rather than wait for ever.
    package func prepareToLoad() throws {
        try connection.execute(
            script: "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL lock_timeout = '60s'")
    }

    /// Takes a row of unused ids out of the sequence, in a transaction of its own. Drawing them one by one while rows
    /// are stored takes the server about a sixth of the whole load.
    ///
    /// Other sessions cannot draw ids meanwhile: setting the sequence is only safe under a lock that keeps them away, and
    /// the one statement that takes it is ALTER SEQUENCE, here without effect.
    ///
    /// - Returns: the first of `count` ids; nil when they are better drawn one by one, because another transaction
    ///   has drawn an id and is still open, or because the sequence is not ours to lock.
    package func reserveIDs(_ count: Int) throws -> Int? {
        do {
            return try connection.transaction {
                try connection.execute(
                    script: """
                        SET LOCAL lock_timeout = '50ms';
                        DO $$ BEGIN
                            EXECUTE format('ALTER SEQUENCE %s NO CYCLE', pg_get_serial_sequence('products', 'id'));
                        END $$
                        """)
                let last: Int = try connection.query(
                    """
                    SELECT setval(s, nextval(s) + \(count - 1))
                    FROM (SELECT pg_get_serial_sequence('products', 'id')::regclass) AS q(s)
                    """)[0][0]
                return last - count + 1
            }
        } catch let error as PostgresError where ["55P03", "42501"].contains(error.sqlState) {
            return nil
        }
    }

    /// Stores new products; `body` writes binary COPY data of id (if wanted), sku, name, description, active.
    package func copyNew(
        into table: Table = .products, withIDs: Bool, _ body: (borrowing CopyWriter) throws -> Void
    ) throws -> Int {
        try connection.copyIn(
            withIDs
                ? "COPY \(table.sql) (id, sku, name, description, active) FROM STDIN (FORMAT binary)"
                : "COPY \(table.sql) (sku, name, description, active) FROM STDIN (FORMAT binary)", body)
    }

    /// Overwrites products that still have the id and the key they were found with.
    ///
    /// - Returns: the ids that were written; a missing one has been deleted or renamed by another session.
    package func update(_ batch: ProductBatch, _ columns: Columns) throws -> ResultRows {
        try connection.query(
            """
            UPDATE products p SET sku = s.sku, updated_at = now(),
                name = CASE WHEN \(columns.name) THEN s.name ELSE p.name END,
                description = CASE WHEN \(columns.description) THEN s.description ELSE p.description END,
                active = coalesce(s.active, p.active)
            FROM unnest(\(batch.ids.parameter), \(batch.keys.parameter), \(batch.skus.parameter),
                \(batch.names.parameter), \(batch.descriptions.parameter), \(batch.actives.parameter))
                AS s(id, key, sku, name, description, active)
            WHERE p.id = s.id AND lower(p.sku) COLLATE "C" = s.key
            RETURNING p.id
            """)
    }

    /// Inserts or overwrites by key, whatever other sessions did meanwhile. `activeGiven` says whether the batch's
    /// rows have a value for `active` (a blank cell leaves that of an existing product alone).
    ///
    /// - Returns: how many were inserted and how many overwritten; the rest was there already and equal.
    package func merge(_ batch: ProductBatch, _ columns: Columns, activeGiven: Bool) throws -> (Int, Int) {
        let rows = try connection.query(
            """
            INSERT INTO products AS p (sku, name, description, active)
            SELECT s.sku, s.name, s.description, coalesce(s.active, true)
            FROM unnest(\(batch.skus.parameter), \(batch.names.parameter), \(batch.descriptions.parameter),
                \(batch.actives.parameter)) AS s(sku, name, description, active)
            ON CONFLICT (lower(sku) COLLATE "C") DO UPDATE SET sku = excluded.sku, updated_at = now(),
                name = CASE WHEN \(columns.name) THEN excluded.name ELSE p.name END,
                description = CASE WHEN \(columns.description) THEN excluded.description ELSE p.description END,
                active = CASE WHEN \(activeGiven) THEN excluded.active ELSE p.active END
            WHERE p.sku COLLATE "C" <> excluded.sku
                OR \(columns.name) AND p.name COLLATE "C" <> excluded.name
                OR \(columns.description) AND p.description COLLATE "C" <> excluded.description
                OR \(activeGiven) AND p.active <> excluded.active
            RETURNING p.xmax = 0
            """)
        let inserted = try rows.count { try $0[0, as: Bool.self] }
        return (inserted, rows.count - inserted)
    }

    /// Keeps writers, not readers, away for the last steps of an import, if that is possible at once.
    package func tryLockWriters() throws -> Bool {
        try within("100ms") { try connection.query("LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE") }
    }

    /// Sees to it that the server plans look-ups by what the table holds. Where it believes the table to be empty (it
    /// was emptied, and has been filled again since), it would read the whole of it for each row of a batch.
    ///
    /// - Parameter keeping: also keeps the server from counting again until the transaction ends, for what a long
    ///   import has written itself does not count, and products may be deleted meanwhile.
    package func mendStatistics(keeping: Bool) throws {
        let isMisleading: Bool = try connection.query(
            """
            SELECT c.reltuples >= 0 AND c.relpages > 0 AND c.reltuples * 10 < pg_relation_size(c.oid) / 8192
            FROM pg_class c WHERE c.oid = 'products'::regclass
            """, prepared: true)[0][0]
        // Either waits for nobody: an autovacuum at work counts as well as we do.
        if isMisleading { _ = try within("100ms") { try connection.query("ANALYZE products") } }
        if keeping {
            _ = try within("100ms") { try connection.query("LOCK TABLE products IN SHARE UPDATE EXCLUSIVE MODE") }
        }
    }

    /// - Returns: whether `body` got its locks within a time; otherwise it has had no effect.
    func within(_ limit: String, _ body: () throws -> Void) throws -> Bool {
        let before: String = try connection.query("SELECT current_setting('lock_timeout')")[0][0]
        do {
            try connection.savepoint {
                try connection.query("SELECT set_config('lock_timeout', \(limit), true)")
                try body()
                // A savepoint that is released keeps its settings.
                try connection.query("SELECT set_config('lock_timeout', \(before), true)")
            }
            return true
        } catch let error as PostgresError where error.sqlState == "55P03" {
            return false
        }
    }
}

/// Columns of some products, each an array, for statements that unnest them.
package struct ProductBatch {
    package var ids = ArrayParameter.int8()
    package var keys = ArrayParameter.text()
    package var skus = ArrayParameter.text()
    package var names = ArrayParameter.text()
    package var descriptions = ArrayParameter.text()
    package var actives = ArrayParameter.bool()

    package init() {}

    package var count: Int { skus.count }
    /// Large enough to be sent: statements are cut into pieces of some MiB, so that memory stays bounded.
    package var isFull: Bool { count >= 5000 || names.size + descriptions.size + skus.size > 4 << 20 }
}
