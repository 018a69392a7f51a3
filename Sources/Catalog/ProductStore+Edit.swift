internal import Postgres

/// Single products, changed by hand: the only code that creates, updates or deletes them outside of imports. Every
/// call belongs inside a transaction of the caller's, and takes values that have been checked. The event that webhooks
/// are told of is made in the same transaction.
extension ProductStore {
    /// Some fields of a product; what is nil is left alone (or gets the column's default in a new product).
    package struct Change: Sendable, Equatable {
        package var sku: String?
        package var name: String?
        package var description: String?
        package var active: Bool?

        package init(sku: String? = nil, name: String? = nil, description: String? = nil, active: Bool? = nil) {
            self.sku = sku
            self.name = name
            self.description = description
            self.active = active
        }
    }

    /// Another product has this SKU, perhaps in another case. The transaction must be rolled back.
    package struct SKUTaken: Error {
        package let sku: String
    }

    /// - Throws: `SKUTaken`.
    package func create(_ new: Change) throws -> Product {
        let sku = new.sku ?? ""
        let product = try unlessTaken(sku) {
            try Product(
                connection.query(
                    """
                    INSERT INTO products AS p (sku, name, description, active)
                    VALUES (\(sku), \(new.name ?? ""), \(new.description ?? ""), \(new.active ?? true))
                    RETURNING \(Product.columns)
                    """)[0])
        }
        try EventStore(connection).enqueue(.productCreated, data: product)
        return product
    }

    /// Overwrites what `change` brings, if anything of it differs.
    ///
    /// - Returns: the product as it is now, and whether it differs from before; nil when there is none.
    /// - Throws: `SKUTaken`.
    package func update(_ id: Int, _ change: Change) throws -> (product: Product, changed: Bool)? {
        try limitWaiting()
        let rows = try connection.query("SELECT \(Product.columns) FROM products p WHERE p.id = \(id) FOR UPDATE")
        guard let before = try rows.first.map(Product.init) else { return nil }
        var after = before
        after.sku = change.sku ?? before.sku
        after.name = change.name ?? before.name
        after.description = change.description ?? before.description
        after.active = change.active ?? before.active
        // Swift's == holds canonical equivalents for equal; what is stored are bytes.
        guard !after.hasSameBytes(as: before) else { return (before, false) }
        let product = try unlessTaken(after.sku) {
            try Product(
                connection.query(
                    """
                    UPDATE products p SET sku = \(after.sku), name = \(after.name), description = \(after.description),
                        active = \(after.active), updated_at = now()
                    WHERE p.id = \(id) RETURNING \(Product.columns)
                    """)[0])
        }
        try EventStore(connection).enqueue(.productUpdated, data: product)
        return (product, true)
    }

    /// - Returns: the product as it was; nil when there is none.
    package func delete(_ id: Int) throws -> Product? {
        try limitWaiting()
        let rows = try connection.query("DELETE FROM products p WHERE p.id = \(id) RETURNING \(Product.columns)")
        let product = try rows.first.map(Product.init)
        if let product { try EventStore(connection).enqueue(.productDeleted, data: product) }
        return product
    }

    /// Deletes all products, row by row: a running import goes on, and who reads sees all of them or none.
    ///
    /// - Returns: how many there were.
    package func clear() throws -> Int {
        let count = try connection.query("DELETE FROM products").affected
        try EventStore(connection).enqueue(.productsCleared, data: ["deleted": count])
        return count
    }

    package func find(_ id: Int) throws -> Product? {
        try connection.query("SELECT \(Product.columns) FROM products p WHERE p.id = \(id)").first.map(Product.init)
    }

    /// An import keeps the rows that it writes until its end; nobody at a page waits that long.
    private func limitWaiting() throws {
        try connection.execute(script: "SET LOCAL lock_timeout = '5s'")
    }

    private func unlessTaken<Output>(_ sku: String, _ body: () throws -> Output) throws -> Output {
        try limitWaiting()
        do {
            return try body()
        } catch let error as PostgresError where error.isUniqueViolation {
            throw SKUTaken(sku: sku)
        }
    }
}

extension Product {
    fileprivate func hasSameBytes(as other: Product) -> Bool {
        active == other.active && sku.utf8.elementsEqual(other.sku.utf8) && name.utf8.elementsEqual(other.name.utf8)
            && description.utf8.elementsEqual(other.description.utf8)
    }
}
