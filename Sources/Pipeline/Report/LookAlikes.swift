internal import Catalog
internal import Postgres

/// SKUs that a person cannot tell apart: they differ by white space inside, by letters of another alphabet that look
/// like Latin ones (after Unicode's confusables, as far as capital letters and digits of SKUs go), or by an apostrophe
/// before them, which our own export writes against formulas.
struct LookAlikes {
    private struct Candidate {
        let unusual: RowSuspicions.Unusual
        let skeleton: String
    }

    /// The plain SKU that candidates look like.
    private struct Twin {
        var sku: String
        /// Where it stands in the file; nil when only the catalogue has it.
        var line: Int?
    }

    private let candidates: [Candidate]

    init(_ unusual: [RowSuspicions.Unusual]) {
        candidates = unusual.compactMap { unusual in
            let skeleton = LookAlikes.skeleton(unusual.sku)
            guard !skeleton.isEmpty, skeleton != LookAlikes.lowercased(unusual.sku) else { return nil }
            return Candidate(unusual: unusual, skeleton: skeleton)
        }
    }

    /// The plain SKUs that the candidates look like, to be looked up in the catalogue; only ASCII, for only that is
    /// folded here as the database folds it.
    private var plain: [String] {
        Array(Set(candidates.map(\.skeleton).filter { $0.utf8.allSatisfy { $0 < 0x80 } })).sorted()
    }

    /// Compares with each other, with the rows of the file, and with the catalogue.
    func warning(_ table: borrowing KeyTable, _ store: ProductStore) throws -> ImportWarning? {
        guard !candidates.isEmpty else { return nil }
        let plain = plain
        var twins: [String: Twin] = [:]
        var keys = ArrayParameter.text()
        for skeleton in plain {
            keys.append(skeleton)
            if let position = Array(skeleton.utf8).withUnsafeBytes({ table.find($0, hint: .max) }) {
                twins[skeleton] = Twin(sku: skeleton, line: Int(table.entries[position].sequence))
            }
        }
        if !plain.isEmpty {
            for found in try store.find(keys: keys) {
                let skeleton = plain[try found[0, as: Int.self] - 1]
                twins[skeleton] = Twin(sku: try found[2], line: twins[skeleton]?.line)
            }
        }
        return warning(twins)
    }

    /// Counts every row of the file whose SKU looks like another one, in the order of the lines.
    private func warning(_ twins: [String: Twin]) -> ImportWarning? {
        var lines: [Int] = []
        var examples: [(sku: String, other: String)] = []
        for group in groups {
            let (twin, first) = (twins[group[0].skeleton], group[0].unusual.sku)
            let other = group.first { LookAlikes.lowercased($0.unusual.sku) != LookAlikes.lowercased(first) }
            guard let other = twin?.sku ?? other?.unusual.sku else { continue }
            lines += group.map(\.unusual.line) + (twin?.line.map { [$0] } ?? [])
            examples.append((first, other))
        }
        var finding = RowSuspicions.Finding()
        for line in lines.sorted() { finding.add(line) }
        guard let example = examples.first else { return nil }
        let isExported = examples.contains { $0.sku.hasPrefix("'") || $0.other.hasPrefix("'") }
        return ImportWarning(
            .skuLookAlike,
            "\(counted(finding.count, "SKU")) \(finding.count == 1 ? "looks" : "look") like another product's and "
                + "\(finding.count == 1 ? "differs" : "differ") only by white space, by letters of another alphabet or by "
                + "an apostrophe: “\(LookAlikes.shown(example.sku))” and “\(LookAlikes.shown(example.other))”. They are "
                + "different products here. If they are one, correct the SKU."
                + (isExported
                    ? " An export writes an apostrophe before a SKU that a spreadsheet would take for a formula: take "
                        + "it away before the file is imported again." : ""),
            count: finding.count, lines: finding.lines)
    }

    /// Candidates that look the same, by the line of the first.
    private var groups: [[Candidate]] {
        Dictionary(grouping: candidates, by: \.skeleton).values.sorted { $0[0].unusual.line < $1[0].unusual.line }
    }

    /// A SKU as a person sees it: without white space and the apostrophe before it, in Latin letters, in lower case.
    static func skeleton(_ sku: String) -> String {
        var skeleton = String.UnicodeScalarView()
        for scalar in sku.unicodeScalars.drop(while: { $0 == "'" }) {
            if scalar.properties.isWhitespace || scalar.properties.generalCategory == .format { continue }
            skeleton.append(latin[scalar] ?? fullWidth(scalar) ?? scalar)
        }
        return lowercased(String(skeleton))
    }

    /// ＡＢＣ１２３ as ABC123.
    private static func fullWidth(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        (0xFF01...0xFF5E).contains(scalar.value) ? Unicode.Scalar(scalar.value - 0xFEE0) : nil
    }

    private static func lowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// With what cannot be seen, or told apart, by its number.
    private static func shown(_ sku: String) -> String {
        let differs = sku.unicodeScalars.filter { !$0.isASCII }.map {
            "U+" + String(repeating: "0", count: max(0, 4 - String($0.value, radix: 16).count))
                + String($0.value, radix: 16, uppercase: true)
        }
        return shortened(sku, to: 60) + (differs.isEmpty ? "" : " (with \(differs.prefix(3).joined(separator: ", ")))")
    }

    private static let latin: [Unicode.Scalar: Unicode.Scalar] = {
        let pairs: [(String, String)] = [
            // Cyrillic, Greek.
            ("АВЕЅІЈКМНОРСТХУ", "ABESIJKMHOPCTXY"), ("аеѕіјорсухһԁ", "aesijopcyxhd"),
            ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"), ("ορνι", "opvi"),
            // Dashes and the minus sign.
            ("‐‑‒–—―−﹘﹣", "---------"), ("⁄∕", "//"), ("․", "."), ("＿", "_"),
        ]
        var latin: [Unicode.Scalar: Unicode.Scalar] = [:]
        for (others, letters) in pairs {
            for (other, letter) in zip(others.unicodeScalars, letters.unicodeScalars) { latin[other] = letter }
        }
        return latin
    }()
}
