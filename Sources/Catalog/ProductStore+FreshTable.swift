internal import Postgres

/// The first load of a catalogue. Its rows go into a table that nobody else sees, without indexes; the indexes are
/// built once the rows are there, which is quicker than filling them row by row; and the table takes the place of the
/// empty one. See docs/decisions/0013-first-load.md.
extension ProductStore {
    /// Where `copyNew` stores products.
    package enum Table: Sendable {
        case products
        /// The one of `makeFreshTable`.
        case fresh

        var sql: SQL {
            switch self {
            case .products: "products"
            case .fresh: "products_fresh"
            }
        }
    }

    /// Whether `products` may be replaced: it is as our migrations made it, so that nothing would get lost with it,
    /// nobody else is at work on it, and no page of it is left that an older snapshot could still read rows from.
    package func canBeReplaced() throws -> Bool {
        try connection.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    JOIN pg_class s ON s.oid = to_regclass('products_id_seq')
                        AND s.oid = pg_get_serial_sequence('products', 'id')::regclass
                WHERE c.oid = 'products'::regclass AND n.nspname = current_schema()
                    AND pg_get_userbyid(c.relowner) = current_user
                    AND c.relkind = 'r' AND c.relpersistence = 'p' AND c.reltablespace = 0 AND c.reloptions IS NULL
                    AND pg_relation_size(c.oid) = 0 AND c.relreplident = 'd' AND obj_description(c.oid, 'pg_class') IS NULL
                    AND NOT c.relispartition AND NOT c.relhassubclass
                    AND NOT c.relhastriggers AND NOT c.relhasrules AND NOT c.relrowsecurity
                    AND c.relacl IS NULL AND s.relacl IS NULL
                    AND NOT EXISTS (
                        SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0
                            AND (attacl IS NOT NULL OR attoptions IS NOT NULL OR attstattarget >= 0))
                    AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)
                    AND NOT EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = c.oid)
                    AND NOT EXISTS (
                        SELECT FROM pg_default_acl WHERE defaclrole = c.relowner AND defaclobjtype IN ('r', 'S'))
                    AND (SELECT array_agg(i.relname::text ORDER BY i.relname COLLATE "C")
                        FROM pg_index JOIN pg_class i ON i.oid = indexrelid
                        WHERE indrelid = c.oid AND i.reloptions IS NULL)
                        = ARRAY['products_pkey', 'ux_products_sku_lower']
                    AND NOT EXISTS (
                        SELECT FROM pg_publication_tables WHERE schemaname = n.nspname AND tablename = c.relname)
                    AND NOT EXISTS (
                        SELECT FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = c.oid
                            AND deptype = 'n' AND classid <> 'pg_constraint'::regclass)
                    AND NOT EXISTS (
                        SELECT FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
                        WHERE l.relation = c.oid AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
                            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                            AND (l.mode <> 'AccessShareLock' OR a.xact_start < clock_timestamp() - interval '1 s')))
            """)[0][0]
    }

    /// Makes the fresh table, which is gone again if the savepoint around it is rolled back.
    package func makeFreshTable() throws {
        try connection.query("CREATE TABLE products_fresh (LIKE products INCLUDING ALL EXCLUDING INDEXES)")
    }

    package func indexFreshTable() throws {
        try connection.execute(
            script: """
                CREATE UNIQUE INDEX ux_products_fresh ON products_fresh (lower(sku) COLLATE "C");
                ALTER TABLE products_fresh ADD CONSTRAINT products_fresh_pkey PRIMARY KEY (id)
                """)
    }

    /// Puts the fresh table in the place of `products`, which others can read and write again when the transaction
    /// has ended. Statements of theirs that wait meanwhile find the new table.
    ///
    /// - Returns: false when somebody is at work on `products`, has stored one or built something on it since we began:
    ///   then nothing has happened.
    package func replaceByFreshTable() throws -> Bool {
        let isLocked = try (1...3).contains { _ in
            try within("100ms") {
                try connection.execute(
                    script: """
                        LOCK TABLE products IN ACCESS EXCLUSIVE MODE;
                        ALTER SEQUENCE products_id_seq NO CYCLE
                        """)
            }
        }
        guard isLocked, try canBeReplaced() else { return false }
        try connection.execute(
            script: """
                DO $$ DECLARE fresh regclass := pg_get_serial_sequence('products_fresh', 'id'); BEGIN
                    PERFORM setval(fresh, last_value, is_called) FROM products_id_seq;
                    DROP TABLE products;
                    EXECUTE format('ALTER SEQUENCE %s RENAME TO products_id_seq', fresh);
                END $$;
                ALTER TABLE products_fresh RENAME TO products;
                ALTER INDEX products_fresh_pkey RENAME TO products_pkey;
                ALTER INDEX ux_products_fresh RENAME TO ux_products_sku_lower
                """)
        return true
    }
}
