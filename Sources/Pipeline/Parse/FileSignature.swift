/// What a file's first bytes tell: its byte order mark, or that it is no CSV text at all.
enum FileSignature {
    /// How much of the file is looked at.
    static let length = 1024

    private static let compressed: [(name: String, magic: [UInt8])] = [
        ("gzip", [0x1F, 0x8B]),
        ("compress", [0x1F, 0x9D]),
        ("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
        ("zstd", [0x28, 0xB5, 0x2F, 0xFD]),
        ("7-Zip", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]),
        ("RAR", [0x52, 0x61, 0x72, 0x21, 0x1A, 0x07]),
        ("LZ4", [0x04, 0x22, 0x4D, 0x18]),
    ]
    private static let zip: [[UInt8]] = [
        [0x50, 0x4B, 0x03, 0x04], [0x50, 0x4B, 0x05, 0x06], [0x50, 0x4B, 0x07, 0x08],
    ]
    /// "BZh", a digit, then the mark of a block or of the end: "BZh" alone could be a column name.
    private static let bzip2Blocks: [[UInt8]] = [
        [0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90],
    ]
    private static let legacyOffice: [UInt8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]
    private static let utf32: [[UInt8]] = [[0xFF, 0xFE, 0x00, 0x00], [0x00, 0x00, 0xFE, 0xFF]]

    /// - Parameter head: the file's first `length` bytes, or all if it has fewer.
    /// - Throws: `compressed` or `encoding`.
    static func encoding(of head: [UInt8]) throws(InputError) -> CSVEncoding {
        try refuseCompressed(head)
        if head.starts(with: legacyOffice) {
            throw InputError(
                .encoding,
                "The file is an old Excel workbook (.xls), not CSV text. Open it and save it as “CSV UTF-8”.")
        }
        if utf32.contains(where: head.starts(with:)) {
            throw InputError(.encoding, line: 1, "The file is in UTF-32, which is not supported. Save it as UTF-8.")
        }
        if head.starts(with: [0xEF, 0xBB, 0xBF]) { return .utf8BOM }
        if head.starts(with: [0xFF, 0xFE]) { return .utf16LittleEndian }
        if head.starts(with: [0xFE, 0xFF]) { return .utf16BigEndian }
        // ASCII text in UTF-16 is half NULs, in UTF-32 three quarters. NULs in other lines cost their records only.
        let firstLine = head.prefix { !ASCII.isLineEnd($0) }
        if firstLine.count >= 4, 4 * firstLine.count(where: { $0 == ASCII.nul }) >= firstLine.count {
            throw InputError(
                .encoding, line: 1,
                "The first line is full of NUL bytes: the file is UTF-16 or UTF-32 without a byte order mark, or no text at all. "
                    + "Save it as “CSV UTF-8”.")
        }
        return .utf8
    }

    private static func refuseCompressed(_ head: [UInt8]) throws(InputError) {
        if zip.contains(where: head.starts(with:)) {
            throw InputError(
                .compressed,
                "The file is a ZIP archive. It looks like an Excel workbook (.xlsx): open it and save it as “CSV UTF-8”. "
                    + "If it is an archive, unpack it and drop the CSV file in it.")
        }
        let isBzip2 =
            head.starts(with: "BZh".utf8) && bzip2Blocks.contains { head.dropFirst(4).starts(with: $0) }
        let name = isBzip2 ? "bzip2" : compressed.first { head.starts(with: $0.magic) }?.name
        if let name {
            throw InputError(
                .compressed, "The file is compressed (\(name)). Unpack it and drop the CSV file that is in it.")
        }
    }
}
