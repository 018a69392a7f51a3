internal import Catalog
internal import Hummingbird
internal import NIOCore
internal import Postgres

/// The catalogue as a CSV file, in the form that an import takes, sent while it is read.
struct ProductExport: Sendable {
    /// Where the exports' own connections go: one must not hold up the pages' for as long as a slow client takes.
    let conninfo: String

    func body(_ filter: ProductFilter, _ order: ProductOrder) -> ResponseBody {
        ResponseBody { writer in
            let relay = Relay<ByteBuffer>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [conninfo] in
                    let session = Session(conninfo, name: "export")
                    defer { relay.finish() }
                    try await session.run { connection in
                        try relay.send(ByteBuffer(bytes: CSVLine.header))
                        try ProductStore(connection).export(filter, order) { rows in
                            var lines: [UInt8] = []
                            for row in rows { CSVLine.append(row, to: &lines) }
                            try relay.send(ByteBuffer(bytes: lines))
                        }
                    }
                    await session.close()
                }
                // Whoever waits in `send` goes on, however this ends.
                defer { relay.abandon() }
                for await piece in relay.values {
                    try await writer.write(piece)
                    relay.taken()
                }
                try await group.waitForAll()
            }
            try await writer.finish(nil)
        }
    }
}

/// A product as a line of CSV.
enum CSVLine {
    static let header = Array("sku,name,description,active\r\n".utf8)

    /// - Parameter row: sku, name, description, active.
    static func append(_ row: ResultRow, to output: inout [UInt8]) {
        for column in 0..<3 {
            if let bytes = row.bytes(column) { append(bytes, to: &output) }
            output.append(UInt8(ascii: ","))
        }
        output += row.bytes(3)?.first == 0 ? Array("false\r\n".utf8) : Array("true\r\n".utf8)
    }

    private static func append(_ cell: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let isFormula = isFormula(cell)
        let needsQuotes = cell.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) } || hasOuterSpace(cell)
        if needsQuotes { output.append(UInt8(ascii: "\"")) }
        if isFormula { output.append(UInt8(ascii: "'")) }
        for byte in cell {
            if byte == UInt8(ascii: "\"") { output.append(byte) }
            output.append(byte)
        }
        if needsQuotes { output.append(UInt8(ascii: "\"")) }
    }

    private static func hasOuterSpace(_ cell: UnsafeRawBufferPointer) -> Bool {
        cell.first == 0x20 || cell.last == 0x20
    }

    /// Whether a spreadsheet would run the cell: it begins with one of `= + - @`, a tab or a carriage return, or with
    /// the full-width form of a sign, and is no plain number.
    static func isFormula(_ cell: UnsafeRawBufferPointer) -> Bool {
        switch cell.first {
        case UInt8(ascii: "="), UInt8(ascii: "@"), 0x09, 0x0D: return true
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            return !cell.dropFirst().allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x2C }
        case 0xEF: return [0x1D, 0x0B, 0x0D, 0x20].contains { fullWidth(cell, is: $0) }
        default: return false
        }
    }

    /// U+FF00 and following are ASCII from the space on, wide.
    private static func fullWidth(_ cell: UnsafeRawBufferPointer, is offset: UInt8) -> Bool {
        guard cell.count >= 3 else { return false }
        let scalar = UInt32(cell[0] & 0x0F) << 12 | UInt32(cell[1] & 0x3F) << 6 | UInt32(cell[2] & 0x3F)
        return scalar == 0xFF00 + UInt32(offset)
    }
}
