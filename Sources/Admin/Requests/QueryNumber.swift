internal import Hummingbird

extension Request {
    /// A whole number of the query, or `standard` when the query does not have it.
    ///
    /// - Throws: a problem that names the parameter and what it accepts.
    func queryNumber(_ name: String, in range: ClosedRange<Int>, standard: Int) throws -> Int {
        guard let text = uri.queryParameters[name[...]] else { return standard }
        guard let number = Int(text), range.contains(number) else {
            let accepted = "a whole number from \(range.lowerBound) to \(range.upperBound)"
            throw Problem(.badRequest, "\(name) must be \(accepted).")
        }
        return number
    }
}
