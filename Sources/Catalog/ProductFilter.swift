internal import Postgres

/// Which products of the catalogue: all conditions hold. Texts are substrings, case ignored; an empty one is none.
package struct ProductFilter: Hashable, Sendable {
    package var sku: String
    package var name: String
    package var description: String
    /// Looked for in sku, name and description.
    package var anywhere: String
    package var active: Bool?

    package init(
        sku: String = "", name: String = "", description: String = "", anywhere: String = "", active: Bool? = nil
    ) {
        self.sku = sku
        self.name = name
        self.description = description
        self.anywhere = anywhere
        self.active = active
    }

    package var isEmpty: Bool { self == ProductFilter() }

    /// A condition on a table called `p`.
    var condition: SQL {
        var conditions: [SQL] = []
        if let active { conditions.append(active ? "p.active" : "NOT p.active") }
        for (text, column) in [(sku, "p.sku"), (name, "p.name"), (description, "p.description")] as [(String, SQL)]
        where !text.isEmpty {
            conditions.append(Needle(text).condition(column))
        }
        if !anywhere.isEmpty {
            // One pass over all three costs less than three; no text holds the separator and is looked for.
            let column: SQL = #"(p.sku || E'\x01' || p.name || E'\x01' || p.description)"#
            let needle = Needle(anywhere)
            conditions.append(
                anywhere.utf8.contains(1)
                    ? "\(needle.condition("p.sku")) OR \(needle.condition("p.name")) "
                        + "OR \(needle.condition("p.description"))"
                    : needle.condition(column))
        }
        return conditions.conjunction
    }
}

/// A text that is looked for in other texts, case ignored.
///
/// `lower()` by the database's collation costs ten times what it costs for ASCII alone (COLLATE "C"), and half a million
/// products are to be searched while somebody types. So the ASCII parts of the text choose by the cheap way; what is not
/// ASCII is compared by the dear one, and only in texts that have anything but ASCII.
private struct Needle {
    private let text: String

    init(_ text: String) { self.text = text }

    /// `strpos` looks for plain bytes: nothing in the text is a wildcard.
    func condition(_ column: SQL) -> SQL {
        let isCased = text.utf8.contains { (0x41...0x5A).contains($0 & 0xDF) }
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            let folded = String(decoding: text.utf8.map(Needle.fold), as: UTF8.self)
            return isCased
                ? "strpos(lower(\(column) COLLATE \"C\"), \(folded)) > 0"
                : "strpos(\(column) COLLATE \"C\", \(folded)) > 0"
        }
        var conditions: [SQL] = ["octet_length(\(column)) <> char_length(\(column))"]
        if let part = longestASCIIPart {
            conditions.append("strpos(lower(\(column) COLLATE \"C\"), \(part)) > 0")
        }
        conditions.append("strpos(lower(\(column)) COLLATE \"C\", lower(\(text)) COLLATE \"C\") > 0")
        return conditions.conjunction
    }

    /// What a text must have in any case to be a match; letters that meet others under folding (k and the Kelvin sign)
    /// are matches of the dear way only, and rare enough to be passed over.
    private var longestASCIIPart: String? {
        let parts = text.utf8.split { $0 >= 0x80 }
        return parts.max { $0.count < $1.count }.map { String(decoding: $0.map(Needle.fold), as: UTF8.self) }
    }

    private static func fold(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}

extension SQL {
    fileprivate static func + (left: SQL, right: SQL) -> SQL { "\(left)\(right)" }
}
