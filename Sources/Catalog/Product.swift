package import FoundationEssentials
internal import Postgres

/// One product, as the API gives it.
package struct Product: Sendable, Equatable, Codable {
    package let id: Int
    package var sku: String
    package var name: String
    package var description: String
    package var active: Bool
    package let createdAt: Date
    package let updatedAt: Date

    enum CodingKeys: String, CodingKey {
        case id, sku, name, description, active
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }
}

extension Product {
    /// The columns that `init(_:)` reads, in its order, of a table called `p`.
    static let columns: SQL = "p.id, p.sku, p.name, p.description, p.active, p.created_at, p.updated_at"

    init(_ row: ResultRow) throws {
        self.init(
            id: try row[0], sku: try row[1], name: try row[2], description: try row[3], active: try row[4],
            createdAt: try row[5], updatedAt: try row[6])
    }
}
