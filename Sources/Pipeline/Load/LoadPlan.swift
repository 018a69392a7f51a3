/// How the rows of an import meet the catalogue, chosen by size.
struct LoadPlan: Equatable {
    enum Name: String {
        /// The catalogue is empty: every row is new.
        case copy
        /// Read the whole catalogue back and compare: cheapest when the file is a fair part of it.
        case scan
        /// Look up only the keys of the file: cheapest when few rows meet a large catalogue.
        case probe
    }

    let name: Name
    let reason: String

    /// A look-up by key costs about as much as reading this many products in a row.
    private static let productsPerLookup = 8

    /// - Parameters:
    ///   - rows: distinct products in the file.
    ///   - products: those in the catalogue, about.
    static func choose(rows: Int, products: Int) -> LoadPlan {
        if products == 0 { return LoadPlan(name: .copy, reason: "the catalogue is empty") }
        let lookups = rows * productsPerLookup
        return lookups <= products
            ? LoadPlan(
                name: .probe,
                reason: "looking up \(grouped(rows)) keys costs less than reading about \(grouped(products)) products")
            : LoadPlan(
                name: .scan,
                reason: "reading about \(grouped(products)) products costs less than looking up \(grouped(rows)) keys")
    }
}
