/// Reads the fields of a JSON object one by one and remembers all that are of the wrong kind, so that they are told at
/// once.
///
/// ```swift
/// var fields = try FieldReader<CodingKeys>(decoder)
/// (sku, name) = (fields.read(.sku), fields.read(.name))
/// try fields.finish()
/// ```
struct FieldReader<Key: CodingKey> {
    private let values: KeyedDecodingContainer<Key>
    private var errors: [Problem.FieldError] = []

    init(_ decoder: any Decoder) throws { values = try decoder.container(keyedBy: Key.self) }

    /// A field that is there must have a value: null is a mistake, not an absence.
    ///
    /// - Returns: nil when the field is not there, or wrong.
    mutating func read<Value: Decodable>(_ key: Key) -> Value? {
        guard values.contains(key) else { return nil }
        do {
            return try values.decode(Value.self, forKey: key)
        } catch {
            let known = (error as? DecodingError).flatMap { Problem($0).errors }
            errors += known ?? [Problem.FieldError(field: key.stringValue, message: "This value cannot be read.")]
            return nil
        }
    }

    /// - Throws: a problem with every field that is wrong.
    func finish() throws {
        guard errors.isEmpty else { throw Problem.fields(errors) }
    }
}
