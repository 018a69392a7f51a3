internal import Catalog
internal import Pipeline

/// What a page or a script sends to change a product: any subset of its fields.
struct ProductEdit: Decodable {
    private let sku: String?
    private let name: String?
    private let description: String?
    private let active: Bool?

    private enum CodingKeys: CodingKey { case sku, name, description, active }

    init(from decoder: any Decoder) throws {
        var fields = try FieldReader<CodingKeys>(decoder)
        (sku, name) = (fields.read(.sku), fields.read(.name))
        (description, active) = (fields.read(.description), fields.read(.active))
        try fields.finish()
    }

    /// By the rules of the CSV.
    ///
    /// - Parameter isNew: a new product must have a SKU.
    /// - Throws: a problem with every field that is wrong.
    func change(isNew: Bool) throws -> ProductStore.Change {
        var errors: [Problem.FieldError] = []
        func checked(
            _ field: String, _ text: String?, _ rule: (String) throws(ProductText.Fault) -> String
        ) -> String? {
            guard let text else { return nil }
            do {
                return try rule(text)
            } catch {
                errors.append(Problem.FieldError(field: field, message: error.message))
                return nil
            }
        }
        let change = ProductStore.Change(
            sku: checked("sku", isNew ? sku ?? "" : sku, ProductText.sku),
            name: checked("name", name, ProductText.name),
            description: checked("description", description, ProductText.description), active: active)
        guard errors.isEmpty else { throw Problem.fields(errors) }
        return change
    }
}
