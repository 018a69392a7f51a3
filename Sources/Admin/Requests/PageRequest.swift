internal import Hummingbird

/// Which page of a list is asked for: `?page=2&per_page=20`.
struct PageRequest: Sendable {
    /// From 1.
    let number: Int
    let perPage: Int

    static let maximumPerPage = 200

    var offset: Int { (number - 1) * perPage }

    /// - Throws: a problem that names the parameter and what it accepts.
    init(_ request: Request, perPage standard: Int) throws {
        number = try request.queryNumber("page", in: 1...1_000_000_000, standard: 1)
        perPage = try request.queryNumber("per_page", in: 1...PageRequest.maximumPerPage, standard: standard)
    }
}
