/// When a delivery is tried again: two pure functions (reliability.md §2).
package struct RetryPolicy: Sendable {
    /// `IMPORTER_WEBHOOK_RETRY_SCHEDULE`: the delay after each failed attempt, in seconds.
    package let schedule: [Double]

    package init(schedule: [Double] = standardSchedule) { self.schedule = schedule }

    package static let standardSchedule: [Double] = [
        5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
    ]

    /// No receiver may put us off for longer.
    private static let maximumRetryAfter = 86_400.0
    /// What is overloaded is left alone for at least so long.
    private static let breath = 60.0
    private static let overloaded: Set<Int> = [408, 429, 502, 503, 504]

    /// The delay after a failed attempt; nil after the last.
    ///
    /// - Parameters:
    ///   - failures: failed attempts before this one.
    ///   - spread: 0.8 to 1.2, by chance, so that what failed together does not come back together.
    package func delay(afterFailures failures: Int, _ failure: AttemptOutcome, spread: Double) -> Double? {
        guard failures < schedule.count else { return nil }
        let step = schedule[failures]
        var delay = step * spread
        if let retryAfter = failure.retryAfter {
            delay = max(delay, min(retryAfter, RetryPolicy.maximumRetryAfter))
        }
        let isOverloaded =
            failure.error == .timeout || failure.status.map { RetryPolicy.overloaded.contains($0) } == true
        if isOverloaded, step > 60 { delay = max(delay, RetryPolicy.breath) }
        return delay
    }

    /// What follows from an attempt.
    package func verdict(_ outcome: AttemptOutcome, failures: Int, isManual: Bool, spread: Double) -> Verdict {
        if outcome.error == nil { return .delivered }
        if outcome.error == .interrupted { return .again }
        // A person looks at what was sent by hand, and decides.
        if isManual { return .failed }
        if outcome.status == 410 { return .disable }
        guard let delay = delay(afterFailures: failures, outcome, spread: spread) else { return .failed }
        return .retry(after: delay)
    }

    package enum Verdict: Sendable, Equatable {
        case delivered, failed, disable
        case retry(after: Double)
        /// Our own doing: at once, and it does not count.
        case again
    }

    /// Reads a schedule such as `5s,5m,2h,1d`; nil when it is none.
    package static func schedule(_ text: String) -> [Double]? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        var schedule: [Double] = []
        for step in text.split(separator: ",", omittingEmptySubsequences: false) {
            let step = step.trimmingPrefix { $0 == " " }
            guard let unit = step.last.flatMap({ units[$0] }), let count = Int(step.dropLast()), count > 0,
                Double(count) * unit <= 31_536_000
            else { return nil }
            schedule.append(Double(count) * unit)
        }
        return schedule
    }
}

/// How one attempt ended.
package struct AttemptOutcome: Sendable, Equatable {
    /// The classes of contract §8; a status that is no success is `http_NNN`.
    package enum Failure: Sendable, Equatable {
        case http(Int)
        case dnsError, connectRefused, connectTimeout, tlsError, reset, timeout, blockedAddress, redirect, badResponse
        case interrupted

        package var name: String {
            switch self {
            case .http(let status): "http_\(status)"
            case .dnsError: "dns_error"
            case .connectRefused: "connect_refused"
            case .connectTimeout: "connect_timeout"
            case .tlsError: "tls_error"
            case .reset: "reset"
            case .timeout: "timeout"
            case .blockedAddress: "blocked_address"
            case .redirect: "redirect"
            case .badResponse: "bad_response"
            case .interrupted: "interrupted"
            }
        }
    }

    package var status: Int?
    /// nil is a success.
    package var error: Failure?
    /// What happened, in words.
    package var message: String?
    /// From the start of the attempt to the response's head.
    package var milliseconds: Int?
    package var head: String?
    package var body: String?
    /// What the receiver asked for, in seconds.
    package var retryAfter: Double?

    package init(status: Int? = nil, error: Failure? = nil, message: String? = nil) {
        self.status = status
        self.error = error
        self.message = message
    }
}
