internal import HTTPTypes
internal import Hummingbird
internal import Synchronization

/// Counts requests and measures how long their answers took to begin, by route: never by path, of which there are
/// as many as anybody likes to ask for.
final class HTTPMetrics: RouterMiddleware {
    typealias Context = AdminContext

    struct Key: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    struct Count {
        var requests = 0
        var seconds = 0.0
        var buckets = [Int](repeating: 0, count: HTTPMetrics.buckets.count)
    }

    static let buckets = [0.005, 0.025, 0.1, 0.5, 1, 5]

    private let counts = Mutex<[Key: Count]>([:])

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        // Methods are whatever a client sends.
        let method = HTTPRequest.Method.usual.contains(request.method) ? request.method.rawValue : "OTHER"
        let key = Key(route: context.endpointPath ?? "none", method: method, status: response.status.code)
        counts.withLock { counts in
            var count = counts[key] ?? Count()
            count.requests += 1
            count.seconds += seconds
            for (index, bucket) in HTTPMetrics.buckets.enumerated() where seconds <= bucket {
                count.buckets[index] += 1
            }
            counts[key] = count
        }
        return response
    }

    var snapshot: [(key: Key, count: Count)] {
        counts.withLock { $0 }.sorted {
            ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
        }.map { ($0.key, $0.value) }
    }
}
