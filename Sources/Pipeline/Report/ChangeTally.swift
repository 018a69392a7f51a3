internal import Catalog
internal import Glibc

/// Counts what the changed products differ in, keeps the first of them as examples, and notices when names have moved
/// from product to product: what a spreadsheet leaves behind when one column was sorted without the others.
struct ChangeTally {
    private static let kept = 20
    private static let longest = 120
    /// Names whose hashes are remembered.
    private static let names = 50_000
    private static let fields = ["sku", "name", "description", "active"]

    private var counts = [0, 0, 0, 0]
    private var sample: [ImportFacts.Changes.Product] = []
    private var oldNames: [UInt64] = []
    private var newNames: [UInt64] = []
    private var firstLines: [Int] = []

    /// - Parameters:
    ///   - old: sku, name, description, active of the product.
    ///   - new: those of its row in the file.
    mutating func take(
        old: (Cell, Cell, Cell, Cell), new: Tuple, _ columns: ProductStore.Columns, activeIsBlank: Bool, line: Int
    ) {
        let differs = [
            !sameBytes(old.0, new.sku), columns.name && !sameBytes(old.1, new.name),
            columns.description && !sameBytes(old.2, new.description), !activeIsBlank && !sameBytes(old.3, new.active),
        ]
        for index in 0..<4 where differs[index] { counts[index] += 1 }
        if differs[1], oldNames.count < ChangeTally.names, !old.1.isEmpty, !new.name.isEmpty {
            oldNames.append(ChangeTally.hash(old.1))
            newNames.append(ChangeTally.hash(new.name))
            if firstLines.count < ImportWarning.maximumLines { firstLines.append(line) }
        }
        guard sample.count < ChangeTally.kept else { return }
        let cells = [(old.0, new.sku), (old.1, new.name), (old.2, new.description), (old.3, new.active)]
        let fields = (0..<4).filter { differs[$0] }.map { index in
            ImportFacts.Changes.Field(
                field: ChangeTally.fields[index], old: ChangeTally.shown(cells[index].0, index),
                new: ChangeTally.shown(cells[index].1, index))
        }
        sample.append(ImportFacts.Changes.Product(sku: ChangeTally.shown(new.sku, 0), line: line, fields: fields))
    }

    var facts: ImportFacts.Changes? {
        guard !sample.isEmpty else { return nil }
        return ImportFacts.Changes(
            fields: Dictionary(uniqueKeysWithValues: zip(ChangeTally.fields, counts)), sample: sample)
    }

    /// Names that now stand at another product than before.
    var warning: ImportWarning? {
        let before = Set(oldNames)
        let moved = newNames.count { before.contains($0) }
        guard moved >= 5, moved * 2 >= newNames.count else { return nil }
        return ImportWarning(
            .shiftedColumn,
            "\(grouped(moved)) products have taken the name of another product. That happens when one column of a "
                + "spreadsheet was sorted or moved without the others. Compare a few of these rows with what they were.",
            count: moved, lines: firstLines)
    }

    private static func shown(_ cell: Cell, _ field: Int) -> String {
        if field == 3 { return cell.first == 0 ? "no" : "yes" }
        return shortened(String(decoding: cell.prefix(4 * longest + 8), as: UTF8.self), to: longest)
    }

    /// FNV-1a, with a last mix: good enough to tell names apart, and quick for short ones.
    private static func hash(_ bytes: Cell) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}
