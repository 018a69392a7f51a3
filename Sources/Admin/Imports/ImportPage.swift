internal import Catalog

/// One page of the list of imports, as the API gives it.
struct ImportPage: Encodable {
    let list: Page<ImportProgress>
    /// True when the database is away and this is what the outbox alone tells; missing otherwise.
    var degraded: Bool?
    /// Why, in words.
    var reason: String?

    init(_ items: [ImportProgress], total: Int, of request: PageRequest) {
        list = Page(items, total: total, of: request)
    }

    enum CodingKeys: String, CodingKey { case degraded, reason }

    func encode(to encoder: any Encoder) throws {
        try list.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(degraded, forKey: .degraded)
        try values.encodeIfPresent(reason, forKey: .reason)
    }
}
