/// The rules of contract §5 for a product's texts that come one at a time, from a page or a script: the same limits and
/// the same trimming as in a file.
package enum ProductText {
    /// Why a text cannot be accepted, in a sentence that can stand under its field.
    package struct Fault: Error, Equatable {
        package let message: String
    }

    /// - Returns: the SKU as it is stored, without outer white space.
    package static func sku(_ text: String) throws(Fault) -> String {
        let sku = withCell(text) { String(decoding: trimmed($0), as: UTF8.self) }
        if sku.isEmpty { throw Fault(message: "A product needs a SKU.") }
        if withCell(sku, hasControlCharacter) {
            throw Fault(message: "The SKU contains an invisible control character, such as a tab. Retype it.")
        }
        try limit(sku, to: RowEncoder.maximumSKU)
        return sku
    }

    /// - Returns: the name as it is stored: empty when it is nothing but white space.
    package static func name(_ text: String) throws(Fault) -> String {
        let name = try storable(text)
        try limit(name, to: RowEncoder.maximumName)
        return name
    }

    package static func description(_ text: String) throws(Fault) -> String {
        let description = try storable(text)
        guard description.utf8.count <= RowEncoder.maximumField else {
            throw Fault(message: "This is larger than 1 MiB. Shorten it.")
        }
        return description
    }

    private static func storable(_ text: String) throws(Fault) -> String {
        if text.utf8.contains(0) { throw Fault(message: "This contains a NUL character, which cannot be stored.") }
        return withCell(text) { trimmed($0).isEmpty } ? "" : text
    }

    private static func limit(_ text: String, to maximum: Int) throws(Fault) {
        let count = withCell(text, characterCount)
        guard count > maximum else { return }
        throw Fault(message: "This has \(count) characters; at most \(maximum) are possible. Shorten it.")
    }

    private static func withCell<Output>(_ text: String, _ body: (Cell) -> Output) -> Output {
        var text = text
        return text.withUTF8 { body(Cell($0)) }
    }
}
