/// Something in a file that looks like damage. A warning never rejects a row: it tells before the damage spreads.
package struct ImportWarning: Sendable, Equatable, Codable {
    package enum Code: String, Sendable, Codable, CaseIterable {
        /// A SKU that a spreadsheet has turned into a number: `1.23E+11`.
        case skuAsNumber = "sku_as_number"
        /// A SKU that lost its zeros: `17` where the catalogue has `0017`, `90.75` where it has `90.750`.
        case skuLostZeros = "sku_lost_zeros"
        /// Text that was encoded twice: `CafÃ©`.
        case doubleEncoded = "double_encoded"
        /// Cells that stand in the wrong column, or names that have moved to other products.
        case shiftedColumn = "shifted_column"
        /// SKUs that look the same: they differ by white space or by letters of another alphabet.
        case skuLookAlike = "sku_look_alike"
        /// The last row lacks cells and a line end: the upload broke off.
        case cutOff = "cut_off"
        /// The file has far fewer rows than the last one of its name.
        case smallerFile = "smaller_file"
    }

    package var code: Code
    /// What was seen and what to do, for the person who sent the file.
    package var message: String
    /// How many rows it is about; at least so many where the message says so.
    package var count: Int
    /// The first physical lines, from 1; empty when it is about the file as a whole.
    package var lines: [Int]

    package static let maximumLines = 10

    package init(_ code: Code, _ message: String, count: Int, lines: [Int]) {
        self.code = code
        self.message = message
        self.count = count
        self.lines = lines
    }
}
