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
                let response = try await client.send("/ready")
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

    @Test func aDatabaseThatNeverAnswersIsNotWaitedFor() async throws {
        let silent = try SilentServer()
        try await AdminFixture.with { fixture in
            try await fixture.serve(fixture.options("host=127.0.0.1 port=\(silent.port)")) { client in
                // The first two leave a session hanging each; from then on nobody is made to wait.
                for _ in 0..<3 {
                    try expectProblem(try await client.send("/ready"), .serviceUnavailable)
                    let answer = try Answer(try await client.send("/api/imports"))
                    #expect(answer.degraded == true && answer.reason == "The database does not answer.")
                }
                let time = try await shortestTime { _ = try await client.send("/api/imports") }
                #expect(time < .seconds(5))
            }
        }
    }
}
