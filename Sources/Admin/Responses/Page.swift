/// One page of a list, as the API gives every list: `{"items":[…],"page":1,"pages":9,"per_page":20,"total":172}`.
struct Page<Item: Encodable>: Encodable {
    let items: [Item]
    let page: Int
    /// At least 1, so that a pager always has a page to be on.
    let pages: Int
    let perPage: Int
    let total: Int

    init(_ items: [Item], total: Int, of request: PageRequest) {
        self.items = items
        self.page = request.number
        self.pages = max(1, (total + request.perPage - 1) / request.perPage)
        self.perPage = request.perPage
        self.total = total
    }

    enum CodingKeys: String, CodingKey {
        case items, page, pages, total
        case perPage = "per_page"
    }
}
