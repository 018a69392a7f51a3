import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import Admin

@Suite struct HealthTests {
    @Test func healthIsLiveness() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let response = try await client.send("/health")
                #expect(response.status == .ok)
                #expect(response.headers[.contentType] == "application/json")
                #expect(response.text == #"{"status":"ok"}"#)
                expectSafeHeaders(response)
            }
        }
    }

    @Test func eachPartThatIsUnwellIsNamedWithItsReason() async throws {
        try await AdminFixture.with { fixture in
            try FileManager.default.removeItem(atPath: fixture.inbox)
            try await fixture.serve { client in
                let start = ContinuousClock.now
                let response = try await client.send("/ready")
                #expect(ContinuousClock.now - start < .seconds(1))
                try expectProblem(response, .serviceUnavailable)
                let answer = try Answer(response)
                #expect(answer.checks?["database"]?.status == "failed")
                #expect(answer.checks?["database"]?.reason?.contains("cannot be reached") == true)
                #expect(answer.checks?["inbox"]?.status == "failed")
                #expect(answer.checks?["inbox"]?.reason?.contains("is not there") == true)
                #expect(answer.checks?["outbox"]?.status == "ok")
                #expect(answer.detail?.contains(fixture.inbox) == true)
            }
        }
    }

    /// 192.0.2.0/24 is for documentation (RFC 5737): packets to it vanish, or are refused at once without a network.
    @Test func aDatabaseThatSwallowsPacketsIsNotWaitedFor() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve(fixture.options("host=192.0.2.1 connect_timeout=2")) { client in
                for _ in 0..<4 {
                    let start = ContinuousClock.now
                    #expect(try await client.send("/ready").status == .serviceUnavailable)
                    #expect(try Answer(try await client.send("/api/imports")).degraded == true)
                    #expect(ContinuousClock.now - start < .seconds(2))
                }
            }
        }
    }
}
