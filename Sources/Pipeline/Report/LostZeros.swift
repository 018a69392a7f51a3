internal import Catalog
internal import Postgres

/// SKUs that are new, and that the catalogue has with zeros which spreadsheets take away: `17` for `0017`, `90.75` for
/// `90.750`.
struct LostZeros {
    /// Catalogue SKUs that are tried in vain before this is given up: it must stay cheap.
    private static let maximumTries = 50_000
    /// New SKUs that are looked up when the catalogue is not read as a whole.
    private static let maximumLookups = 100
    private static let longest = 14

    private struct Pair {
        let position: Int
        let sku: String
    }

    private var pairs: [Pair] = []
    private var tries = 0
    private var isPartial = false

    /// Looks at a product of the catalogue that is not in the file.
    @inline(__always)
    mutating func look(_ sku: Cell, _ table: borrowing KeyTable) {
        guard let first = sku.first, first == 0x30 || sku[sku.count - 1] == 0x30, sku.count <= 32 else { return }
        lookUp(sku, table)
    }

    @inline(never)
    private mutating func lookUp(_ sku: Cell, _ table: borrowing KeyTable) {
        guard tries < LostZeros.maximumTries, let short = LostZeros.shortened(sku) else { return }
        tries += 1
        guard let position = table.find(short, hint: .max) else { return }
        pairs.append(Pair(position: position, sku: String(decoding: sku, as: UTF8.self)))
    }

    /// The SKU as a spreadsheet would write it; nil when that is the same, or the SKU is no number.
    private static func shortened(_ sku: Cell) -> Cell? {
        guard sku.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) else { return nil }
        let points = sku.count { $0 == 0x2E }
        guard points <= 1 else { return nil }
        var (start, end) = (0, sku.count)
        while start + 1 < end, sku[start] == 0x30, sku[start + 1] != 0x2E { start += 1 }
        if points == 1 {
            while end > start + 1, sku[end - 1] == 0x30 { end -= 1 }
            if sku[end - 1] == 0x2E { end -= 1 }
        }
        return end - start == sku.count || end == start ? nil : Cell(rebasing: sku[start..<end])
    }

    /// Looks the first new numbers of the file up, with zeros put back: for when the catalogue is not read as a whole.
    mutating func lookUpNew(_ table: borrowing KeyTable, _ store: ProductStore) throws {
        var keys = ArrayParameter.text()
        var positions: [Int] = []
        var lookups = 0
        for position in 0..<table.count where table.entries[position].fate == .new {
            let key = table.key(table.entries[position])
            guard key.count <= LostZeros.longest, key.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) else {
                continue
            }
            guard lookups < LostZeros.maximumLookups else {
                isPartial = true
                break
            }
            lookups += 1
            for variant in LostZeros.lengthened(String(decoding: key, as: UTF8.self)) {
                keys.append(variant)
                positions.append(position)
            }
        }
        guard !positions.isEmpty else { return }
        for found in try store.find(keys: keys) {
            pairs.append(Pair(position: positions[try found[0, as: Int.self] - 1], sku: try found[2]))
        }
    }

    private static func lengthened(_ number: String) -> [String] {
        let count = number.utf8.count
        var variants: [String] = []
        if !number.contains(".") {
            for zeros in 1...max(1, min(6, longest - count)) {
                variants.append(String(repeating: "0", count: zeros) + number)
            }
            variants += [number + ".0", number + ".00"]
        } else {
            variants += ["0", "00", "000"].map { number + $0 }
        }
        return variants
    }

    func warning(_ table: borrowing KeyTable) -> ImportWarning? {
        var finding = RowSuspicions.Finding()
        var seen: Set<Int> = []
        var examples: [String] = []
        let new = pairs.filter { table.entries[$0.position].fate == .new && seen.insert($0.position).inserted }
        for pair in new.sorted(by: { table.entries[$0.position].sequence < table.entries[$1.position].sequence }) {
            let entry = table.entries[pair.position]
            finding.add(Int(entry.sequence))
            if examples.count < 3 {
                examples.append("\(String(decoding: table.key(entry), as: UTF8.self)) for \(pair.sku)")
            }
        }
        guard finding.count > 0 else { return nil }
        let atLeast = isPartial || tries >= LostZeros.maximumTries ? "At least " : ""
        return ImportWarning(
            .skuLostZeros,
            "\(atLeast)\(counted(finding.count, "new SKU")) would be a product of the catalogue with its zeros: "
                + "\(examples.joined(separator: ", ")). A spreadsheet takes zeros away when the column is not "
                + "formatted as text. They are new products now; if they should not be, delete them, mend the SKUs "
                + "and drop the file again.",
            count: finding.count, lines: finding.lines)
    }
}
