internal import HTTPTypes
internal import Synchronization

/// Slows down whoever guesses: after some wrong answers an address has to wait, each time twice as long.
final class LoginThrottle: Sendable {
    private struct Failures {
        var count = 0
        var blockedUntil: ContinuousClock.Instant
    }

    private let byAddress = Mutex<[String: Failures]>([:])

    /// Mistyping is not guessing.
    private static let free = 5
    private static let longest = 60
    private static let maximumAddresses = 10_000

    /// - Throws: a 429 problem while the address has to wait.
    func check(_ address: String, now: ContinuousClock.Instant = .now) throws {
        guard let until = byAddress.withLock({ $0[address]?.blockedUntil }), until > now else { return }
        let seconds = max(1, Int(((until - now) / .seconds(1)).rounded(.up)))
        let pause = "\(seconds) second\(seconds == 1 ? "" : "s")"
        var problem = Problem(.tooManyRequests, "Too many wrong answers. Try again in \(pause).")
        problem.headers[.retryAfter] = "\(seconds)"
        throw problem
    }

    func failed(_ address: String, now: ContinuousClock.Instant = .now) {
        byAddress.withLock { byAddress in
            if byAddress.count >= LoginThrottle.maximumAddresses {
                byAddress = byAddress.filter { $0.value.blockedUntil > now }
            }
            var failures = byAddress[address] ?? Failures(blockedUntil: now)
            failures.count += 1
            let doublings = failures.count - LoginThrottle.free
            let pause = doublings < 0 ? 0 : min(LoginThrottle.longest, 1 << min(doublings, 10))
            failures.blockedUntil = now + .seconds(pause)
            byAddress[address] = failures
        }
    }

    func succeeded(_ address: String) { byAddress.withLock { $0[address] = nil } }
}
