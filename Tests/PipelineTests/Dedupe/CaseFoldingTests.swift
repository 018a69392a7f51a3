import Catalog
import Postgres
import TestSupport
import Testing

/// Two SKUs are one product exactly when PostgreSQL's `lower()` of them is equal, on every kind of collation.
@Suite struct CaseFoldingTests {
    /// Pairs that look as if they differed only by case, or are often taken for one another.
    static let pairs: [(String, String)] = {
        var pairs: [(String, String)] = [
            ("K", "\u{212A}"), ("k", "\u{212A}"), ("Å", "\u{212B}"), ("å", "\u{212B}"), ("Ω", "\u{2126}"),
            ("ω", "\u{2126}"), ("I", "i"), ("I", "ı"), ("i", "İ"), ("i\u{307}", "İ"), ("ı", "İ"), ("I\u{307}", "İ"),
            ("I", "İ"), ("ß", "ẞ"), ("ß", "SS"), ("ss", "SS"), ("ẞ", "ss"), ("Σ", "σ"), ("Σ", "ς"), ("σ", "ς"),
            ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ"), ("ΣΑΣ", "σας"), ("Ǆ", "ǆ"), ("Ǆ", "ǅ"), ("ǅ", "ǆ"), ("Ǉ", "ǈ"),
            ("ǈ", "ǉ"), ("Ǌ", "ǋ"), ("Ǳ", "ǲ"), ("ǲ", "ǳ"), ("é", "e\u{301}"), ("É", "E\u{301}"), ("É", "é"),
            ("E\u{301}", "e\u{301}"), ("É", "e\u{301}"), ("Ａ", "ａ"), ("Ａ", "A"), ("ａ", "a"), ("Ｚ", "ｚ"),
            ("ﬁ", "fi"), ("ﬁ", "FI"), ("ﬀ", "FF"), ("ﬅ", "ﬆ"), ("ſ", "s"), ("ſ", "S"), ("µ", "μ"), ("µ", "Μ"),
            ("ϐ", "β"), ("ϑ", "θ"), ("ϕ", "φ"), ("ϖ", "π"), ("ϰ", "κ"), ("ϱ", "ρ"), ("ϵ", "ε"), ("ϴ", "θ"), ("ϴ", "Θ"),
            ("Ж", "ж"), ("Ё", "ё"), ("Ї", "ї"), ("Ѐ", "ѐ"), ("Ա", "ա"), ("և", "ԵՒ"), ("Ⴀ", "ⴀ"), ("ა", "Ა"),
            ("Ꭰ", "ꭰ"), ("Ᏸ", "ᏸ"), ("Ⅷ", "ⅷ"), ("Ⓐ", "ⓐ"), ("Ⰰ", "ⰰ"), ("Ⲁ", "ⲁ"), ("Ꙁ", "ꙁ"), ("Ɐ", "ɐ"), ("Ɑ", "ɑ"),
            ("Ⱥ", "ⱥ"), ("Ɫ", "ɫ"), ("Ʞ", "ʞ"), ("Ð", "ð"), ("Đ", "đ"), ("Ɖ", "ɖ"), ("Þ", "þ"), ("Ÿ", "ÿ"), ("Ŋ", "ŋ"),
            ("Ĳ", "ĳ"), ("Ŀ", "ŀ"), ("ŉ", "ʼN"), ("ǰ", "J\u{30C}"), ("ΐ", "ΐ"), ("ẖ", "H\u{331}"), ("ẛ", "ṡ"),
            ("ᾳ", "ᾼ"), ("ᾳ", "ΑΙ"), ("ῼ", "ῳ"), ("ᾀ", "ᾈ"), ("ὖ", "Υ\u{313}\u{342}"), ("ͅ", "ι"), ("ͅ", "Ι"),
            ("ι", "ι"),
            ("𐐀", "𐐨"), ("𐒰", "𐓘"), ("𞤀", "𞤢"), ("𝐀", "𝐚"), ("𝐀", "A"), ("A", "А"), ("O", "Ο"), ("O", "0"),
            ("a b", "a\u{A0}b"), ("-", "‐"), ("´", "'"), ("Ⴧ", "ⴧ"), ("ẞA", "ßa"), ("İSTANBUL", "istanbul"),
            ("ISPARTA", "ısparta"), ("DİYARBAKIR", "diyarbakır"), ("STRASSE", "straße"), ("STRAẞE", "straße"),
        ]
        pairs += pairs.map { ("x-\($0.0)-9", "X-\($0.1)-9") }
        return pairs
    }()

    @Test(arguments: TestDatabase.Locale.allCases)
    func agreesWithTheDatabase(locale: TestDatabase.Locale) async throws {
        try await ImportRun.with(locale) { run in
            let session = run.database.session
            // Each pair in a file of its own would take long: a number keeps the pairs of one file apart.
            var text = "sku,name\n"
            var same = 0
            for (number, pair) in CaseFoldingTests.pairs.enumerated() {
                let (left, right) = ("\(number)/\(pair.0)", "\(number)/\(pair.1)")
                text += "\(left),first\n\(right),second\n"
                same += try await session.run { try $0.query("SELECT lower(\(left)) = lower(\(right))")[0][0] } ? 1 : 0
            }
            let end = try await run(text)
            #expect(end.state == .completed, "\(end.message)")
            #expect(end.rows.duplicates == same)
            #expect(end.rows.created == 2 * CaseFoldingTests.pairs.count - same)
            #expect(
                try await run.database.value("SELECT count(*) FROM products WHERE name = 'second'")
                    == CaseFoldingTests.pairs.count)
            // The same file again meets its own products, whatever the folding.
            let again = try await run(text)
            #expect(again.rows.unchanged == end.rows.created)
            #expect(again.rows.created == 0)
        }
    }

    @Test func knowsThatTurkishFoldsASCIIInItsOwnWay() async throws {
        try await TestDatabase.with(.turkish) { database in
            let foldsASCII = try await database.session.run { try ProductStore($0).foldsASCII() }
            #expect(!foldsASCII)
        }
        try await TestDatabase.with(.english) { database in
            let foldsASCII = try await database.session.run { try ProductStore($0).foldsASCII() }
            #expect(foldsASCII)
        }
    }
}
