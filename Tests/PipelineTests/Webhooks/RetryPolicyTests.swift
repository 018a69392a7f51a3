import FoundationEssentials
import Testing

@testable import Pipeline

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy()

    private func failed(_ status: Int, retryAfter: Double? = nil) -> AttemptOutcome {
        var outcome = AttemptOutcome(status: status, error: .http(status))
        outcome.retryAfter = retryAfter
        return outcome
    }

    @Test func followsTheScheduleAndThenGivesUp() {
        let delays = (0...9).map { policy.delay(afterFailures: $0, failed(500), spread: 1) }
        #expect(delays == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, nil])
        #expect(policy.verdict(failed(500), failures: 9, isManual: false, spread: 1) == .failed)
    }

    @Test func spreadsEachDelay() {
        #expect(policy.delay(afterFailures: 1, failed(500), spread: 0.8) == 240)
        #expect(policy.delay(afterFailures: 1, failed(500), spread: 1.2) == 360)
    }

    @Test func isNeverSoonerThanTheReceiverAsks() {
        #expect(policy.delay(afterFailures: 0, failed(429, retryAfter: 120), spread: 1) == 120)
        #expect(policy.delay(afterFailures: 2, failed(429, retryAfter: 120), spread: 1) == 1800)
        #expect(policy.delay(afterFailures: 0, failed(503, retryAfter: 1e9), spread: 1) == 86400)
    }

    @Test(arguments: [408, 429, 502, 503, 504])
    func givesTheOverloadedAMinute(status: Int) {
        let policy = RetryPolicy(schedule: [5, 70])
        #expect(policy.delay(afterFailures: 1, failed(status), spread: 0.8) == 60)
        #expect(policy.delay(afterFailures: 0, failed(status), spread: 0.8) == 4, "a short step stays short")
        #expect(policy.delay(afterFailures: 1, AttemptOutcome(error: .timeout), spread: 0.8) == 60)
        #expect(policy.delay(afterFailures: 1, failed(500), spread: 0.8) == 56)
    }

    @Test func decidesWhatFollows() {
        let good = AttemptOutcome(status: 204)
        #expect(policy.verdict(good, failures: 3, isManual: false, spread: 1) == .delivered)
        #expect(policy.verdict(failed(410), failures: 0, isManual: false, spread: 1) == .disable)
        #expect(policy.verdict(failed(410), failures: 0, isManual: true, spread: 1) == .failed)
        #expect(policy.verdict(failed(500), failures: 0, isManual: true, spread: 1) == .failed)
        #expect(policy.verdict(failed(500), failures: 0, isManual: false, spread: 1) == .retry(after: 5))
        let interrupted = AttemptOutcome(error: .interrupted)
        #expect(policy.verdict(interrupted, failures: 9, isManual: false, spread: 1) == .again)
    }

    @Test func readsRetryAfterAsSecondsAndAsDate() {
        let now = Date(timeIntervalSince1970: 784_111_777)
        #expect(WebhookSender.retryAfter("120", now: now) == 120)
        #expect(WebhookSender.retryAfter("Sun, 06 Nov 1994 08:50:37 GMT", now: now) == 60)
        #expect(WebhookSender.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == 0)
        #expect(WebhookSender.retryAfter("-5", now: now) == 0)
        for text in ["", "soon", "inf", "nan"] { #expect(WebhookSender.retryAfter(text, now: now) == nil) }
    }

    @Test func readsSchedules() {
        #expect(RetryPolicy.schedule("5s,5m,30m,2h,5h,10h,14h,20h,24h") == RetryPolicy.standardSchedule)
        #expect(RetryPolicy.schedule("1s, 1d") == [1, 86400])
        for text in ["", "5", "5s,", "0s", "-1s", "5x", "s", "9999999999d"] {
            #expect(RetryPolicy.schedule(text) == nil, "\(text)")
        }
    }
}
