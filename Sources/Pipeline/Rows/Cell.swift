internal import Glibc

/// The content of one cell: UTF-8 without its quotes. Valid while the record is.
typealias Cell = UnsafeRawBufferPointer

/// What counts as outer white space of a SKU, of `active` and of a blank cell: Unicode's White_Space and the
/// zero-width characters that copies from web pages and spreadsheets bring along.
@inline(__always)
func trimmed(_ cell: Cell) -> Cell {
    guard let first = cell.first, let last = cell.last else { return cell }
    if first > 0x20, first < 0x7F, last > 0x20, last < 0x7F { return cell }
    return slowlyTrimmed(cell)
}

private func slowlyTrimmed(_ cell: Cell) -> Cell {
    var (start, end) = (0, cell.count)
    while start < end {
        let width = whiteSpaceWidth(cell, at: start, end)
        if width == 0 { break }
        start += width
    }
    scan: while end > start {
        for width in 1...3 where end - width >= start && whiteSpaceWidth(cell, at: end - width, end) == width {
            end -= width
            continue scan
        }
        break
    }
    return Cell(rebasing: cell[start..<end])
}

/// The bytes of the white-space or zero-width character that begins at `index`; 0 if none does.
private func whiteSpaceWidth(_ cell: Cell, at index: Int, _ end: Int) -> Int {
    switch cell[index] {
    case 0x09...0x0D, 0x20: return 1
    case 0xC2 where index + 1 < end: return cell[index + 1] == 0x85 || cell[index + 1] == 0xA0 ? 2 : 0
    case 0xE1...0xE3, 0xEF:
        guard index + 2 < end else { return 0 }
        let scalar =
            UInt32(cell[index] & 0x0F) << 12 | UInt32(cell[index + 1] & 0x3F) << 6
            | UInt32(cell[index + 2] & 0x3F)
        switch scalar {
        case 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return 3  // White_Space
        case 0x180E, 0x200B...0x200D, 0x2060, 0xFEFF: return 3  // zero width
        default: return 0
        }
    default: return 0
    }
}

/// Characters (Unicode scalars, as PostgreSQL counts them) of valid UTF-8.
func characterCount(_ cell: Cell) -> Int {
    var count = 0
    for byte in cell where byte & 0xC0 != 0x80 { count += 1 }
    return count
}

/// Reads a trimmed cell of `active`, in any case; nil if it is no boolean we know (contract §5).
func booleanValue(_ cell: Cell) -> Bool? {
    guard cell.count <= 9 else { return nil }
    let word = String(decoding: cell.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    switch word {
    case "true", "t", "yes", "y", "1", "on", "active", "published": return true
    case "false", "f", "no", "n", "0", "off", "inactive", "draft", "archived", "-1": return false
    default: return nil
    }
}

/// Whether valid UTF-8 has one of Unicode's control characters: U+0000–U+001F, U+007F–U+009F.
func hasControlCharacter(_ cell: Cell) -> Bool {
    var previous: UInt8 = 0
    for byte in cell {
        if byte < 0x20 || byte == 0x7F || (previous == 0xC2 && byte < 0xA0) { return true }
        previous = byte
    }
    return false
}
