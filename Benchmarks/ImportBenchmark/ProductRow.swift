/// What tells one generated row from all others.
struct ProductRow {
    /// How the SKU is written; all spellings of a key are the same product.
    enum Spelling: Int {
        case lower, upper, title, capital
    }

    /// Decides about name and description.
    var record: Int
    /// Decides about the SKU: different keys are different products.
    var key: Int
    var spelling = Spelling.lower
    /// The description is another one than that of the same row unrevised.
    var isRevised = false
}

/// The bytes of one row, made anew from its numbers whenever it is needed, so that no file has to be kept in memory.
struct ProductText {
    /// Keys below this have SKUs of their own.
    static let keys = 1 << 28

    private(set) var sku: [UInt8] = []
    private(set) var name: [UInt8] = []
    private(set) var description: [UInt8] = []
    /// The description has line breaks: three rows in five.
    private(set) var hasLineBreaks = false

    init() {}

    init(_ row: ProductRow) { make(row) }

    var bytes: Int { sku.count + name.count + description.count }

    mutating func make(_ row: ProductRow) {
        makeSKU(row.key, row.spelling)
        var random = SplitMix(row.record)
        makeName(&random)
        // Three in each five consecutive records, in changing places.
        hasLineBreaks = (row.record * 3 + row.record / 5) % 5 < 3
        makeDescription(&random)
        if row.isRevised { description += ProductText.revision }
    }

    static let revision = Array(" Revised.".utf8)

    private mutating func makeSKU(_ key: Int, _ spelling: ProductRow.Spelling) {
        // A permutation of 28 bits: multiplying by an odd number and folding the upper half down can both be undone.
        let mask = UInt64(ProductText.keys - 1)
        var mixed = UInt64(key) &* 0x9E3_779B & mask
        mixed ^= mixed >> 14
        mixed = mixed &* 0x85E_BCA7 & mask
        mixed ^= mixed >> 14

        sku.removeAll(keepingCapacity: true)
        for index in 0..<4 {
            if index > 0 { sku.append(UInt8(ascii: "-")) }
            let start = sku.count
            sku += Words.common[Int(mixed >> UInt64(7 * index) & 127)]
            switch spelling {
            case .lower: break
            case .upper: for letter in start..<sku.count { sku[letter] &-= 0x20 }
            case .title: sku[start] &-= 0x20
            case .capital: if index == 0 { sku[start] &-= 0x20 }
            }
        }
    }

    private mutating func makeName(_ random: inout SplitMix) {
        let bits = random.next()
        name.removeAll(keepingCapacity: true)
        name += Words.given[Int(bits & 31)]
        name.append(UInt8(ascii: " "))
        name += Words.family[Int(bits >> 5 & 31)]
    }

    private mutating func makeDescription(_ random: inout SplitMix) {
        description.removeAll(keepingCapacity: true)
        var bits = random.next()
        let sentences = 3 + Int(bits & 3)
        for sentence in 0..<sentences {
            bits = random.next()
            if sentence > 0 {
                let breaks = hasLineBreaks && (sentence == 1 || bits & 1 == 0)
                description.append(breaks ? 0x0A : 0x20)
            }
            let start = description.count
            // One draw has bits for eight words and the number of them.
            for word in 0..<(4 + Int(bits >> 1 & 3) + sentence & 1) {
                if word > 0 { description.append(0x20) }
                description += Words.common[Int(bits >> UInt64(7 * word + 3) & 127)]
            }
            description[start] &-= 0x20
            description.append(UInt8(ascii: "."))
        }
    }
}

/// The SplitMix64 generator: its numbers depend on the seed alone, on every machine.
struct SplitMix {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0xD134_2543_DE82_EF95 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
