internal import Catalog

/// One page of the list of imports, as the API gives it.
struct ImportPage: Encodable {
    let items: [ImportProgress]
    let page: Int
    let pages: Int
    let perPage: Int
    let total: Int
    /// True when the database is away and this is what the outbox alone tells; missing otherwise.
    var degraded: Bool?
    /// Why, in words.
    var reason: String?

    init(items: [ImportProgress], total: Int, page: Int, perPage: Int) {
        self.items = items
        self.page = page
        self.pages = max(1, (total + perPage - 1) / perPage)
        self.perPage = perPage
        self.total = total
    }

    enum CodingKeys: String, CodingKey {
        case items, page, pages, total, degraded, reason
        case perPage = "per_page"
    }
}
