internal import Catalog

/// Codes and numbers in words that need no explanation.
enum ReportWords {
    static func title(reject code: String) -> String {
        switch RejectionCode(rawValue: code) {
        case .missingSKU: "No SKU"
        case .fieldCount: "Wrong number of cells"
        case .skuTooLong: "SKU too long"
        case .nameTooLong: "Name too long"
        case .fieldTooLarge: "Cell too large"
        case .badBoolean: "Neither yes nor no"
        case .badEncoding: "Unreadable characters"
        case .badQuoting: "Quotes in the wrong place"
        case .nulByte: "NUL bytes"
        case .controlCharacter: "Invisible characters in the SKU"
        case nil: code
        }
    }

    /// What to do about all rows of one reason.
    static func advice(reject code: String) -> String {
        switch RejectionCode(rawValue: code) {
        case .missingSKU: "Give each of these rows a SKU, or delete it."
        case .fieldCount:
            "Give each row as many cells as the header has. A cell that contains the separator or a line break needs "
                + "quotes around it."
        case .skuTooLong: "Shorten the SKU to at most 255 characters. Often two cells have run into one."
        case .nameTooLong: "Shorten the name to at most 1,000 characters. Often the description stands in its place."
        case .fieldTooLarge:
            "Shorten the cell to at most 1 MiB. If the row is not that long, a quote before it was never closed."
        case .badBoolean: "Write true or false. A blank cell leaves the product as it is."
        case .badEncoding: "Retype the damaged letters, or save the file as “CSV UTF-8” and drop it again."
        case .badQuoting: "Write a quote inside a quoted cell twice (\"\")."
        case .nulByte: "Export the file again as “CSV UTF-8”, or retype these rows."
        case .controlCharacter: "Retype the SKU: it contains a tab, a line break or the like."
        case nil: "See errors.csv."
        }
    }

    static func title(warning code: ImportWarning.Code) -> String {
        switch code {
        case .skuAsNumber: "SKUs that have become numbers"
        case .skuLostZeros: "SKUs that may have lost zeros"
        case .doubleEncoded: "Damaged letters"
        case .shiftedColumn: "A column that looks shifted"
        case .skuLookAlike: "SKUs that look the same"
        case .cutOff: "A file that was cut off"
        case .smallerFile: "A much smaller file"
        }
    }

    /// How to mend what made the whole file fail.
    static func advice(failure code: ImportFailure.Code) -> String {
        switch code {
        case .empty: "Export the file again and look into it before you drop it: it needs a header line and rows."
        case .missingColumn:
            "Write the word sku over the column with the SKUs (in the first line of the file), save it as CSV, and drop "
                + "it again. If the line above is no header at all, delete it."
        case .duplicateColumn: "Rename or delete one of the two columns in the first line, and drop the file again."
        case .encoding: "Open the file where it comes from, save it as “CSV UTF-8”, and drop it again."
        case .unterminatedQuote:
            "If the file ends too early, send it again. If it is whole, look at the marked place: a quote (\") opens a "
                + "cell and is never closed. Close it, or remove it, and drop the file again."
        case .tooManyRejects:
            "Look at the reasons below: when most rows have the same one, the whole file was written in another way "
                + "than its header says. Mend it and drop it again."
        case .notRegular: "Copy the content into a file of its own, and drop that."
        case .compressed:
            "Unpack the file first, and drop the CSV file that is in it. An Excel file is to be saved as CSV."
        case .fileMissing: "Drop the file again."
        case .crashLoop: "Keep the file, and show it to whoever looks after the importer, with the import's ID below."
        case .internal: "Drop the file again. If it happens again, show this page to whoever looks after the importer."
        }
    }

    static func state(_ state: ImportProgress.State) -> String {
        switch state {
        case .waiting: "Waiting"
        case .queued: "Queued"
        case .running: "Running"
        case .completed: "Completed"
        case .failed: "Failed"
        case .cancelled: "Cancelled"
        }
    }

    /// How the rows met the catalogue.
    static func plan(_ name: String) -> HTML? {
        switch LoadPlan.Name(rawValue: name) {
        case .copy: "into an empty catalogue"
        case .scan: "compared with the whole catalogue"
        case .probe: "compared with these products only"
        case nil: nil
        }
    }

    static func delimiter(_ delimiter: String) -> String {
        switch delimiter {
        case ",": "comma"
        case ";": "semicolon"
        case "|": "bar"
        default: delimiter
        }
    }

    static func lineEnd(_ lineEnd: String) -> String {
        switch CSVDialect.LineEnd(rawValue: lineEnd) {
        case .lineFeed: "LF (Unix)"
        case .carriageReturnLineFeed: "CRLF (Windows)"
        case .carriageReturn: "CR (old Mac)"
        case nil: lineEnd
        }
    }

    static func size(_ bytes: Int) -> String {
        var (value, step) = (Double(bytes), 0)
        while value >= 999.5, step < 4 { (value, step) = (value / 1000, step + 1) }
        let unit = ["bytes", "kB", "MB", "GB", "TB"][step]
        return step == 0 ? "\(bytes) \(bytes == 1 ? "byte" : unit)" : "\(rounded(value, value < 10 ? 1 : 0)) \(unit)"
    }

    static func seconds(_ seconds: Double) -> String {
        if seconds < 0.0995 { return "\(rounded(seconds * 1000, seconds < 0.00995 ? 1 : 0)) ms" }
        if seconds < 100 { return "\(rounded(seconds, seconds < 9.95 ? 2 : 1)) s" }
        let minutes = Int(seconds / 60)
        return "\(grouped(minutes)) min \(Int(seconds) - 60 * minutes) s"
    }

    /// The shares of parts in their sum, in tenths of a percent, so that they add up to 100: what rounding leaves over
    /// goes to those that lost the most by it (largest remainder).
    static func percents(_ parts: [Int]) -> [String] {
        let total = parts.reduce(0, +)
        guard total > 0 else { return parts.map { _ in "0 %" } }
        var tenths = parts.map { 1000 * $0 / total }
        let left = 1000 - tenths.reduce(0, +)
        let losers = parts.indices.sorted { 1000 * parts[$0] % total > 1000 * parts[$1] % total }
        for index in losers.prefix(left) { tenths[index] += 1 }
        return zip(parts, tenths).map { part, tenths in
            if part > 0, tenths == 0 || 1000 * part < total { return "< 0.1 %" }
            if part < total, 1000 * (total - part) < total { return "> 99.9 %" }
            return "\(rounded(Double(tenths) / 10, tenths % 10 == 0 ? 0 : 1)) %"
        }
    }

    static func rounded(_ value: Double, _ digits: Int) -> String {
        var factor = 1.0
        for _ in 0..<digits { factor *= 10 }
        let whole = Int((value * factor).rounded())
        guard digits > 0 else { return grouped(whole) }
        let fraction = String(whole % Int(factor))
        return "\(grouped(whole / Int(factor)))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// 2026-11-24 16:50:31 UTC.
    static func time(_ timestamp: String) -> String {
        let parts = timestamp.split(separator: "T")
        guard parts.count == 2 else { return timestamp }
        return "\(parts[0]) \(parts[1].prefix(8)) UTC"
    }
}
