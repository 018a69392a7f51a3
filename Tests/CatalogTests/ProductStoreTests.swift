import Catalog
import Postgres
import Testing
import TestSupport

/// Reading the catalogue by key and writing it in bulk.
@Suite(.serialized) struct ProductStoreTests {
    private static let all = ProductStore.Columns(name: true, description: true, active: true)

    private func withStore(
        _ locale: TestDatabase.Locale = .c, _ body: @Sendable (ProductStore, Connection) throws -> Void
    ) async throws {
        try await TestDatabase.with(locale) { database in
            try await database.session.run { try body(ProductStore($0), $0) }
        }
    }

    private static func batch(_ rows: [Row]) -> ProductBatch {
        var batch = ProductBatch()
        for row in rows {
            batch.ids.append(row.id)
            batch.keys.append(row.sku.lowercased())
            batch.skus.append(row.sku)
            batch.names.append(row.name)
            batch.descriptions.append(row.description)
            batch.actives.append(row.active)
        }
        return batch
    }

    private struct Row {
        var id = 0
        var sku: String
        var name = ""
        var description = ""
        var active: Bool?
    }

    /// The catalogue as text, in the order of ids.
    private static func catalogue(_ connection: Connection) throws -> [String] {
        try connection.query("SELECT concat_ws('|', sku, name, description, active) FROM products ORDER BY id")
            .map { try $0[0] }
    }

    // MARK: Keys

    @Test func keysComeInTheOrderOfTheSKUs() async throws {
        try await withStore { store, _ in
            var skus = ArrayParameter.text()
            let texts = ["Z", "É", "a", "\u{212A}", "Z", "", "ΑΣ", "ẞ"] + (0..<500).map { "SKU-\(999 - $0)" }
            for text in texts { skus.append(text) }
            let keys = try store.fold(skus).map { try $0[0, as: String.self] }
            #expect(keys.count == texts.count)
            #expect(keys.prefix(4).map { Array($0.utf8) } == ["z", "é", "a", "k"].map { Array($0.utf8) })
            #expect(keys.suffix(500) == texts.suffix(500).map { $0.lowercased() })
            #expect(try store.fold(.text()).isEmpty)
        }
    }

    @Test(arguments: [(TestDatabase.Locale.c, true), (.icu, true), (.icuTurkish, false)])
    func aDatabaseTellsWhetherItFoldsASCIIAsASCII(locale: TestDatabase.Locale, expected: Bool) async throws {
        let answer = try await TestDatabase.with(locale) { database in
            try await database.session.run { try ProductStore($0).foldsASCII() }
        }
        #expect(answer == expected)
    }

    // MARK: Reading

    @Test func findsByKey() async throws {
        try await withStore { store, connection in
            try connection.query("INSERT INTO products (sku, name) VALUES ('Ab', 'first'), ('É', 'second'), ('c', '')")
            var keys = ArrayParameter.text()
            for key in ["é", "absent", "ab", "AB"] { keys.append(key) }
            let found = try store.find(keys: keys).sorted { try $0[0, as: Int.self] < $1[0, as: Int.self] }
            #expect(try found.map { try $0[0, as: Int.self] } == [1, 3])
            #expect(try found.map { try $0[2, as: String.self] } == ["É", "Ab"])
            #expect(try found.map { try $0[3, as: String.self] } == ["second", "first"])
            #expect(try found.map { try $0[5, as: Bool.self] } == [true, true])
            #expect(try store.find(keys: .text()).isEmpty)
        }
    }

    @Test func estimatesTheSizeOfTheCatalogue() async throws {
        try await withStore { store, connection in
            #expect(try store.estimatedCount() == 0)
            try connection.query("INSERT INTO products (sku) SELECT n::text FROM generate_series(1, 20000) AS n")
            #expect(try (2000...60_000).contains(store.estimatedCount()))
            try connection.query("ANALYZE products")
            #expect(try (19_000...21_000).contains(store.estimatedCount()))
            try connection.query("DELETE FROM products")
            #expect(try store.estimatedCount() == 0)
        }
    }

    @Test func readsTheCatalogueWithAndWithoutKeys() async throws {
        try await withStore { store, connection in
            try connection.query("INSERT INTO products (sku, name) VALUES ('Ab', 'n'), ('É', '')")
            func read(_ stream: ProductStore.Stream) throws -> String {
                var bytes: [UInt8] = []
                try store.readAll(stream) { bytes += $0 }
                #expect(bytes.suffix(2) == [0xFF, 0xFF])
                return String(decoding: bytes, as: UTF8.self)
            }
            for stream in [ProductStore.Stream.withoutKeys, .withKeys, .nonASCIIWithKeys] {
                let text = try read(stream)
                #expect(text.hasPrefix("PGCOPY\n") && text.contains("É"))
                #expect(text.contains("Ab") == (stream != .nonASCIIWithKeys))
                #expect(text.contains("ab") == (stream == .withKeys))
                #expect(text.contains("é") == (stream != .withoutKeys))
            }
        }
    }

    @Test func aFingerprintChangesWhenAProductGoes() async throws {
        try await withStore { store, connection in
            typealias Fingerprint = ProductStore.Fingerprint
            #expect(try store.fingerprint(upTo: .max) == Fingerprint())
            try connection.query("INSERT INTO products (sku) SELECT n::text FROM generate_series(1, 10) AS n")
            #expect(try store.fingerprint(upTo: 10) == Fingerprint(count: 10, sum: 55))
            #expect(try store.fingerprint(upTo: 4) == Fingerprint(count: 4, sum: 10))
            var ids = ArrayParameter.int8()
            for id in [2, 3, 9, 11] { ids.append(id) }
            #expect(try store.fingerprint(of: ids) == Fingerprint(count: 3, sum: 14))
            #expect(try store.fingerprint(of: .int8()) == Fingerprint())
            try connection.query("DELETE FROM products WHERE id = 3")
            #expect(try store.fingerprint(upTo: 10) == Fingerprint(count: 9, sum: 52))
            #expect(try store.fingerprint(of: ids) == Fingerprint(count: 2, sum: 11))
        }
    }

    /// Ids are GENERATED BY DEFAULT: another program may choose its own.
    @Test func idsOfAnySizeHaveAFingerprint() async throws {
        try await withStore { store, connection in
            for ids in [[Int.max, .max - 1, 7], [.min, .min + 1, -3], [.max, .min], [.max], [.min], [-1]] {
                try connection.query("DELETE FROM products")
                var parameter = ArrayParameter.int8()
                for id in ids {
                    try connection.query("INSERT INTO products (id, sku) VALUES (\(id), \(String(id)))")
                    parameter.append(id)
                }
                let expected = ProductStore.Fingerprint(count: ids.count, sum: ids.reduce(0, &+))
                #expect(try store.fingerprint(upTo: .max) == expected)
                #expect(try store.fingerprint(of: parameter) == expected)
            }
        }
    }

    // MARK: Writing

    @Test func mergeCountsWhatItInsertsAndOverwrites() async throws {
        try await withStore { store, connection in
            try connection.query(
                """
                INSERT INTO products (sku, name, description, active)
                VALUES ('same', 'n', 'd', false), ('Spelled', 'n', 'd', true), ('named', 'old', 'd', true),
                    ('off', 'n', 'd', true)
                """)
            let before = try connection.query("SELECT xmin::text, updated_at FROM products WHERE sku = 'same'")[0]
            let batch = ProductStoreTests.batch([
                Row(sku: "SPELLED", name: "n", description: "d", active: true),
                Row(sku: "same", name: "n", description: "d", active: false),
                Row(sku: "named", name: "new", description: "d", active: true),
                Row(sku: "off", name: "n", description: "d", active: false),
                Row(sku: "new", name: "n", description: "d", active: false),
            ])
            let (inserted, overwritten) = try store.merge(batch, ProductStoreTests.all, activeGiven: true)
            #expect(inserted == 1)
            #expect(overwritten == 3)
            #expect(
                try ProductStoreTests.catalogue(connection)
                    == ["same|n|d|f", "SPELLED|n|d|t", "named|new|d|t", "off|n|d|f", "new|n|d|f"])
            let after = try connection.query("SELECT xmin::text, updated_at FROM products WHERE sku = 'same'")[0]
            #expect(try after[0, as: String.self] == before[0], "what is equal is not written")
            let again = try store.merge(batch, ProductStoreTests.all, activeGiven: true)
            #expect(again == (0, 0))
        }
    }

    @Test func mergeTellsInsertedFromOverwrittenInsideATransactionToo() async throws {
        try await withStore { store, connection in
            func merge(_ rows: Row...) throws -> (Int, Int) {
                try store.merge(ProductStoreTests.batch(rows), ProductStoreTests.all, activeGiven: true)
            }
            try connection.transaction { () throws in
                #expect(try merge(Row(sku: "a", name: "1", active: true)) == (1, 0))
                let second = Row(sku: "b", name: "1", active: true)
                #expect(try merge(Row(sku: "a", name: "2", active: true), second) == (1, 1))
                #expect(try merge(Row(sku: "a", name: "3", active: true), second) == (0, 1))
            }
        }
    }

    @Test func mergeLeavesAloneWhatTheFileDoesNotBring() async throws {
        try await withStore { store, connection in
            try connection.query("INSERT INTO products VALUES (DEFAULT, 'a', 'name', 'text', false)")
            let row = ProductStoreTests.batch([Row(sku: "a", name: "x", description: "y", active: nil), Row(sku: "b")])
            let none = ProductStore.Columns(name: false, description: false, active: false)
            #expect(try store.merge(row, none, activeGiven: false) == (1, 0))
            #expect(try ProductStoreTests.catalogue(connection) == ["a|name|text|f", "b|||t"])

            let name = ProductStore.Columns(name: true, description: false, active: true)
            let blank = ProductStoreTests.batch([Row(sku: "A", name: "x", description: "y", active: nil)])
            #expect(try store.merge(blank, name, activeGiven: false) == (0, 1))
            #expect(try ProductStoreTests.catalogue(connection)[0] == "A|x|text|f", "a blank cell leaves active alone")

            let description = ProductStore.Columns(name: false, description: true, active: true)
            let active = ProductStoreTests.batch([Row(sku: "A", name: "z", description: "", active: true)])
            #expect(try store.merge(active, description, activeGiven: true) == (0, 1))
            #expect(try ProductStoreTests.catalogue(connection)[0] == "A|x||t", "a blank description clears")
        }
    }

    @Test func updateWritesOnlyWhatIsStillThatProduct() async throws {
        try await withStore { store, connection in
            try connection.query(
                "INSERT INTO products (sku, name, active) VALUES ('a', '1', false), ('b', '1', true), ('c', '1', true)")
            try connection.query("DELETE FROM products WHERE sku = 'b'")
            try connection.query("UPDATE products SET sku = 'renamed' WHERE sku = 'c'")
            let batch = ProductStoreTests.batch([
                Row(id: 1, sku: "A", name: "2", description: "d", active: nil), Row(id: 2, sku: "b", name: "2"),
                Row(id: 3, sku: "c", name: "2"),
            ])
            let written = try store.update(batch, ProductStoreTests.all).map { try $0[0, as: Int.self] }
            #expect(written == [1])
            #expect(try ProductStoreTests.catalogue(connection) == ["A|2|d|f", "renamed|1||t"])

            let none = ProductStore.Columns(name: false, description: false, active: true)
            let one = ProductStoreTests.batch([Row(id: 1, sku: "a", name: "3", description: "e", active: true)])
            #expect(try store.update(one, none).count == 1)
            #expect(try ProductStoreTests.catalogue(connection)[0] == "a|2|d|t")
            #expect(try connection.query("SELECT updated_at > created_at FROM products WHERE id = 1")[0][0])
        }
    }

    @Test func copiesNewProducts() async throws {
        try await withStore { store, connection in
            let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
            let row: [UInt8] = [0, 4, 0, 0, 0, 1, 0x61, 0, 0, 0, 0, 0, 0, 0, 1, 0x64, 0, 0, 0, 1, 0]
            let count = try store.copyNew(withIDs: false) { writer in
                try (header + row + [0xFF, 0xFF]).withUnsafeBytes { try writer.write($0) }
            }
            #expect(count == 1)
            #expect(try ProductStoreTests.catalogue(connection) == ["a||d|f"])
        }
    }

    // MARK: Locks

    @Test func writersAreLockedOutOnlyIfNoneIsAtWork() async throws {
        try await TestDatabase.with { database in
            try await database.session.run { connection in
                let store = ProductStore(connection)
                let other = try Connection(database.conninfo)
                try other.query("BEGIN")
                try other.query("INSERT INTO products (sku) VALUES ('a')")
                try connection.transaction { () throws in
                    try store.prepareToLoad()
                    try connection.query("INSERT INTO products (sku) VALUES ('b')")
                    #expect(try !store.tryLockWriters())
                    // The transaction goes on, with the patience it had.
                    #expect(try connection.query("SHOW lock_timeout")[0][0] == "1min")
                    try other.query("COMMIT")
                    #expect(try store.tryLockWriters())
                    #expect(try connection.query("SHOW lock_timeout")[0][0] == "1min")

                    try other.query("SET lock_timeout = '50ms'")
                    #expect(try other.query("SELECT count(*) FROM products")[0][0] == 1, "readers are not kept away")
                    do {
                        try other.query("DELETE FROM products")
                        Issue.record("a writer came in")
                    } catch let error as PostgresError {
                        #expect(error.sqlState == "55P03")
                    }
                }
                #expect(try connection.query("SHOW lock_timeout")[0][0] == "0")
                #expect(try other.query("DELETE FROM products").affected == 2)
            }
        }
    }

    @Test func batchesKnowWhenTheyAreFull() {
        var batch = ProductBatch()
        #expect(!batch.isFull && batch.count == 0)
        for _ in 0..<4999 { batch.skus.append("a") }
        #expect(!batch.isFull)
        batch.skus.append("a")
        #expect(batch.isFull && batch.count == 5000)
        var large = ProductBatch()
        large.skus.append("a")
        large.descriptions.append(String(repeating: "x", count: 4 << 20))
        #expect(large.isFull)
    }
}
