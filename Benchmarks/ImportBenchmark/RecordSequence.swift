/// The records of a generated file: which of them repeat an earlier SKU, and which are the last of their product.
struct RecordSequence {
    let records: Int
    let repeats: Int
    var products: Int { records - repeats }

    /// One key in ten is revised in the changed version of a file.
    static func isChanged(_ key: Int) -> Bool { key % 10 == 3 }

    /// How many keys that is.
    static func changed(of products: Int) -> Int { (0..<products).count(where: isChanged) }

    /// The row of a record. Repeats are spread evenly, and each names any of the products before it.
    func row(_ record: Int) -> ProductRow {
        let before = record * repeats / records
        let products = record - before
        guard (record + 1) * repeats / records > before else { return ProductRow(record: record, key: products) }
        var random = SplitMix(-1 - record)
        let key = Int(random.next() % UInt64(products))
        // Never .lower, which is how the first one is written.
        return ProductRow(
            record: record, key: key, spelling: ProductRow.Spelling(rawValue: 1 + Int(random.next() % 3))!)
    }

    /// For each key the record that wins: the last one.
    func winners() -> [Int32] {
        var winners = [Int32](repeating: 0, count: products)
        for record in 0..<records { winners[row(record).key] = Int32(record) }
        return winners
    }
}

/// What a catalogue must contain, by sums that both the generator and the database can make.
struct Tally: Codable, Equatable {
    var products = 0
    /// Bytes of all SKUs, names and descriptions.
    var bytes = 0
    /// Products whose SKU is not in lower case: a repeat of theirs has won.
    var otherCase = 0

    mutating func add(_ text: ProductText, _ row: ProductRow) {
        products += 1
        bytes += text.bytes
        if row.spelling != .lower { otherCase += 1 }
    }
}
