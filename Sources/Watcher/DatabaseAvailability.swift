internal import Logging
internal import Postgres

/// Whether the database answers, and when to ask it again if not: after growing delays of up to five seconds.
struct DatabaseAvailability {
    private(set) var nextTry: ContinuousClock.Instant?
    /// It has not been reached since the start.
    private(set) var isNew = true
    /// For people, in the progress files of what has to wait.
    private(set) var reason = "Waiting for the database."
    private var failures = 0

    var isDue: Bool { nextTry.map { $0 <= .now } ?? true }

    mutating func came(_ logger: Logger) {
        if failures > 0 { logger.notice("the database is back") }
        isNew = false
        nextTry = nil
        failures = 0
    }

    mutating func went(_ error: any Error, _ logger: Logger) {
        if failures == 0 {
            logger.warning("waiting for the database", metadata: ["error": "\(String(reflecting: error))"])
        }
        let delays = [0.1, 0.25, 0.5, 1, 2, 5]
        nextTry = .now + .seconds(delays[min(failures, delays.count - 1)])
        failures += 1
        reason = "Waiting for the database: \(error)"
    }
}
