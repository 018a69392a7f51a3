@testable import Pipeline
import TestSupport
import Testing

/// Rows come back byte for byte, wherever they were kept, in whatever order they are asked for.
@Suite struct RowStoreTests {
    /// Writes rows of about `length` bytes under the given keys, and reads them back in key order and in file order.
    private func check(_ keys: [String], length: Int) async throws {
        try await withTemporaryFolder { folder in
            var store = RowStore(directory: folder, expectedSize: keys.count * length)
            var rows: [(key: String, location: RowStore.Location, length: Int)] = []
            for (number, key) in keys.enumerated() {
                let bytes = RowStoreTests.row(number, key, length)
                let location = try bytes.withUnsafeBytes { tuple in
                    try Array(key.utf8).withUnsafeBytes { try store.keep(tuple, sku: $0) }
                }
                rows.append((key, location, bytes.count))
            }
            try store.seal()
            func expect(_ number: Int) throws {
                let row = rows[number]
                let read = try Array(store.read(row.location, row.length))
                #expect(read == RowStoreTests.row(number, row.key, length), "row \(number)")
            }
            for number in rows.indices.sorted(by: { rows[$0].key < rows[$1].key }) { try expect(number) }
            for number in rows.indices { try expect(number) }
            for number in rows.indices.reversed() where number % 7 == 0 { try expect(number) }
        }
    }

    private static func row(_ number: Int, _ key: String, _ length: Int) -> [UInt8] {
        let seed = Array("\(key)#\(number)|".utf8)
        return (0..<(length + number % 13)).map { seed[$0 % seed.count] }
    }

    @Test func keepsFewRowsInMemory() async throws {
        try await check((0..<500).map { "key-\($0)" }, length: 100)
    }

    @Test func keepsManyRowsInAnyOrderOfKeys() async throws {
        try await check((0..<12_000).map { "Product-\($0 &* 7919 % 12_000)" }, length: 1500)
    }

    @Test func keepsRowsThatComeInKeyOrder() async throws {
        try await check((0..<12_000).map { "p\(1_000_000 + $0)" }, length: 1500)
    }

    @Test func keepsRowsOfOneKey() async throws {
        try await check([String](repeating: "same", count: 9000), length: 1500)
    }

    @Test func keepsHugeRows() async throws {
        try await check((0..<24).map { "k\($0 % 5)" }, length: 1 << 20)
    }

    @Test func keepsRowsWhoseKeysAreShortOrStrange() async throws {
        try await check((0..<9000).map { $0 % 3 == 0 ? "é\($0)" : $0 % 3 == 1 ? "~" : "A" }, length: 1500)
    }
}
