package import Postgres
internal import Synchronization

/// Pages through the catalogue by number, with exact totals, so that no page costs much more than the first.
///
/// Counting half a million rows takes a tenth of a second. The count is kept together with the database's snapshot:
/// `pg_current_snapshot()` stays the same exactly as long as no transaction that wrote anything has ended, so a count
/// with the same snapshot is still exact, and any other is made anew.
///
/// A page near the end is read from the end. Of pages deep in between, their first and last ids are kept in the same
/// way, and the next one is reached from the nearest of those.
package final class ProductBrowser: Sendable {
    private struct Known {
        var snapshot = ""
        var totals: [ProductFilter: Int] = [:]
        /// Ids of the whole catalogue by their place in it, the newest being at place 0.
        var places: [Int: Int] = [:]
    }

    private let known = Mutex(Known())

    /// So many entries of an index are skipped without anybody noticing.
    private static let nearby = 2000
    private static let maximumKnown = 500
    private static let sample = 5000

    package init() {}

    /// One page: its products, and how many the filter has in all.
    package func page(
        _ connection: Connection, _ filter: ProductFilter, _ order: ProductOrder, offset: Int, limit: Int
    ) throws -> (items: [Product], total: Int) {
        if filter.isEmpty { return try plainPage(connection, order, offset, limit) }
        // Where matches are frequent, the page is found at once and only the count needs to look at every row. Where
        // they are rare, one look at every row gives both.
        guard try isFrequent(connection, filter, offset + limit) else {
            return try countedPage(connection, filter, order, offset, limit)
        }
        let total = try knownTotal(connection, filter) ?? count(connection, filter)
        return (try items(connection, filter, order, offset, limit, total: total), total)
    }

    // MARK: Totals

    private func knownTotal(_ connection: Connection, _ filter: ProductFilter) throws -> Int? {
        let snapshot: String = try connection.query("SELECT pg_current_snapshot()::text")[0][0]
        return known.withLock { $0.snapshot == snapshot ? $0.totals[filter] : nil }
    }

    private func count(_ connection: Connection, _ filter: ProductFilter) throws -> Int {
        let row = try connection.query(
            "SELECT pg_current_snapshot()::text, count(*) FROM products p WHERE \(filter.condition)")[0]
        let total: Int = try row[1]
        keep(filter, total, try row[0])
        return total
    }

    private func keep(_ filter: ProductFilter, _ total: Int, _ snapshot: String) {
        known.withLock { known in
            if known.snapshot != snapshot { known = Known(snapshot: snapshot) }
            if known.totals.count >= ProductBrowser.maximumKnown { known.totals = [:] }
            known.totals[filter] = total
        }
    }

    // MARK: The whole catalogue

    private func plainPage(
        _ connection: Connection, _ order: ProductOrder, _ offset: Int, _ limit: Int
    ) throws -> (items: [Product], total: Int) {
        let all = ProductFilter()
        let total = try knownTotal(connection, all) ?? count(connection, all)
        return (try items(connection, all, order, offset, limit, total: total), total)
    }

    // MARK: Items

    private func items(
        _ connection: Connection, _ filter: ProductFilter, _ order: ProductOrder, _ offset: Int, _ limit: Int,
        total: Int
    ) throws -> [Product] {
        guard offset < total else { return [] }
        let fromEnd = max(0, total - offset - limit)
        if fromEnd < offset {
            let count = min(limit, total - offset)
            return try read(connection, filter, order.reversed, fromEnd, count, total).reversed()
        }
        return try read(connection, filter, order, offset, limit, total)
    }

    private func read(
        _ connection: Connection, _ filter: ProductFilter, _ order: ProductOrder, _ offset: Int, _ limit: Int,
        _ total: Int
    ) throws -> [Product] {
        let isPlain = filter.isEmpty && order.key == .id && offset > ProductBrowser.nearby
        let first = order.isDescending ? offset : total - 1 - offset
        let start = isPlain ? nearest(to: first, isDescending: order.isDescending) : nil
        // Only the rows of the page are read whole.
        let items = try connection.query(
            """
            SELECT \(Product.columns) FROM products p
            JOIN (SELECT p.id FROM products p WHERE \(start?.condition ?? filter.condition)
                  ORDER BY \(order.clause) LIMIT \(limit) OFFSET \(start?.offset ?? offset)) page ON page.id = p.id
            ORDER BY \(order.clause)
            """
        ).map(Product.init)
        if isPlain, let newest = items.first, let last = items.last {
            let end = order.isDescending ? first + items.count - 1 : first - items.count + 1
            remember([(first, newest.id), (end, last.id)])
        }
        return items
    }

    /// Where to begin reading the whole catalogue to be soon at `place`.
    private func nearest(to place: Int, isDescending: Bool) -> (condition: SQL, offset: Int)? {
        let places = known.withLock { $0.places }
        if isDescending {
            guard let start = places.filter({ $0.key <= place }).max(by: { $0.key < $1.key }) else { return nil }
            return ("p.id <= \(start.value)", place - start.key)
        }
        guard let start = places.filter({ $0.key >= place }).min(by: { $0.key < $1.key }) else { return nil }
        return ("p.id >= \(start.value)", start.key - place)
    }

    private func remember(_ places: [(Int, Int)]) {
        known.withLock { known in
            if known.places.count >= ProductBrowser.maximumKnown { known.places = [:] }
            for (place, id) in places { known.places[place] = id }
        }
    }

    // MARK: Rare matches

    /// Whether so many of the newest products match that a page in the default order is found among them.
    private func isFrequent(_ connection: Connection, _ filter: ProductFilter, _ wanted: Int) throws -> Bool {
        guard wanted <= ProductBrowser.nearby else { return true }
        let found: Int = try connection.query(
            """
            SELECT count(*) FROM (SELECT p.id, p.sku, p.name, p.description, p.active FROM products p
                ORDER BY p.id DESC LIMIT \(ProductBrowser.sample)) p
            WHERE \(filter.condition)
            """)[0][0]
        return found >= wanted
    }

    private func countedPage(
        _ connection: Connection, _ filter: ProductFilter, _ order: ProductOrder, _ offset: Int, _ limit: Int
    ) throws -> (items: [Product], total: Int) {
        let rows = try connection.transaction {
            // The planner takes every third row for a match, and would rather do it alone than collect so many.
            try connection.execute(script: "SET LOCAL parallel_tuple_cost = 0; SET LOCAL parallel_setup_cost = 0")
            return try connection.query(
                """
                SELECT \(Product.columns), m.total, m.snapshot FROM (
                    SELECT p.id, count(*) OVER () AS total, pg_current_snapshot()::text AS snapshot
                    FROM (SELECT * FROM products p WHERE \(filter.condition) OFFSET 0) p
                    ORDER BY \(order.clause) LIMIT \(limit) OFFSET \(offset)) m
                JOIN products p ON p.id = m.id ORDER BY \(order.clause)
                """)
        }
        // A page beyond the last has no row that could tell.
        guard let first = rows.first else { return ([], offset == 0 ? 0 : try count(connection, filter)) }
        let total: Int = try first[7]
        keep(filter, total, try first[8])
        return (try rows.map(Product.init), total)
    }
}
