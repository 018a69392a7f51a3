@testable import Pipeline
import Testing

/// Sorting and deduplication against the obvious way: a dictionary and a sort of byte arrays.
@Suite struct KeyTableTests {
    struct Model {
        var last: [[UInt8]: Int] = [:]
        var sorted: [[UInt8]] { last.keys.sorted { $0.lexicographicallyPrecedes($1) } }
    }

    private func row(_ number: Int) -> KeyTable.Row {
        KeyTable.Row(location: number * 10, length: 7, sequence: number, activeIsBlank: number % 3 == 0)
    }

    private func check(_ keys: [[UInt8]]) {
        var table = KeyTable()
        var model = Model()
        for (number, key) in keys.enumerated() {
            key.withUnsafeBytes {
                table.add(key: $0, row(number))
            }
            model.last[key] = number
        }
        let dropped = table.sortAndDeduplicate()
        #expect(dropped == keys.count - model.last.count)
        #expect(table.entries.map { Array(table.key($0)) } == model.sorted)
        for (index, key) in model.sorted.enumerated() {
            let entry = table.entries[index]
            #expect(entry.rowLocation == model.last[key]! * 10)
            #expect(entry.rowLength == 7)
            #expect(entry.activeIsBlank == (model.last[key]! % 3 == 0))
            #expect(key.withUnsafeBytes { table.find($0, hint: index) } == index)
            #expect(key.withUnsafeBytes { table.find($0, hint: 0) } == index)
        }
        for missing in [[UInt8](repeating: 1, count: 1), Array("zzzzzzzzzzzzzzzzzzzz".utf8)]
        where model.last[missing] == nil {
            #expect(missing.withUnsafeBytes { table.find($0, hint: 0) } == nil)
        }
    }

    @Test func keepsTheLastOfEachKey() {
        check(["b", "a", "b", "c", "a", "b"].map { Array($0.utf8) })
    }

    @Test func sortsKeysThatAreBeginningsOfOthers() {
        check(
            (0..<200).flatMap { length in
                [[UInt8](repeating: 0x61, count: length + 1), [0x61] + [UInt8](repeating: 0x62, count: length)]
            })
    }

    @Test func sortsLongCommonBeginnings() {
        let words = (0..<3000).map { "the-same-beginning-of-all/\($0 % 7)/and-more-of-it/\($0 * 7919 % 1500)" }
        check(words.map { Array($0.utf8) })
    }

    @Test func sortsManyRowsOfFewKeys() {
        check((0..<5000).map { Array("key-that-is-long-enough-\($0 % 3)".utf8) })
    }

    @Test func sortsRandomBytes() {
        var random = SystemRandomNumberGenerator()
        for alphabet in [1...2, 1...255, 0x61...0x63] as [ClosedRange<UInt8>] {
            check(
                (0..<4000).map { _ in
                    (0..<Int.random(in: 1...20, using: &random)).map { _ in UInt8.random(in: alphabet, using: &random) }
                })
        }
    }

    @Test func foldsASCIIAndLeavesTheRest() {
        var table = KeyTable()
        let folded = Array("ABCxyz-019@[`{Z".utf8).withUnsafeBytes {
            table.addFolding($0, row(0))
        }
        let other = Array("Ä".utf8).withUnsafeBytes { table.addFolding($0, row(1)) }
        #expect(folded)
        #expect(!other)
        #expect(table.count == 1)
        #expect(Array(table.key(table.entries[0])) == Array("abcxyz-019@[`{z".utf8))
    }
}
