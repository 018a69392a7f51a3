internal import Postgres

/// How a list of products is sorted. Equal ones are sorted by id, so that pages never overlap.
package struct ProductOrder: Hashable, Sendable {
    package enum Key: String, Sendable, CaseIterable {
        case id, sku, name, description, active
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }

    package var key: Key
    package var isDescending: Bool

    package static let newestFirst = ProductOrder(key: .id, isDescending: true)

    package init(key: Key, isDescending: Bool) {
        self.key = key
        self.isDescending = isDescending
    }

    /// Reads `name`, or `-name` for descending; nil for anything else.
    package init?(_ text: String) {
        let isDescending = text.hasPrefix("-")
        guard let key = Key(rawValue: isDescending ? String(text.dropFirst()) : text) else { return nil }
        self.init(key: key, isDescending: isDescending)
    }

    var reversed: ProductOrder { ProductOrder(key: key, isDescending: !isDescending) }

    /// What stands behind ORDER BY, for a table called `p`. Texts are sorted by their bytes, ASCII letters in either
    /// case the same: half a million comparisons by a language's rules would take a second.
    var clause: SQL {
        let expression: SQL =
            switch key {
            case .id: "p.id"
            case .sku: "lower(p.sku) COLLATE \"C\""
            case .name: "lower(p.name COLLATE \"C\")"
            case .description: "lower(left(p.description, 200) COLLATE \"C\")"
            case .active: "p.active"
            case .createdAt: "p.created_at"
            case .updatedAt: "p.updated_at"
            }
        let direction: SQL = isDescending ? "DESC" : "ASC"
        return key == .id ? "p.id \(direction)" : "\(expression) \(direction), p.id \(direction)"
    }
}
