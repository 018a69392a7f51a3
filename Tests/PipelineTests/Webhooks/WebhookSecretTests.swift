import Foundation
import Pipeline
import Testing

@Suite struct WebhookSecretTests {
    /// The example of the Standard Webhooks specification and of its libraries.
    @Test func signsThePublishedExample() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let signature = secret.signature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func isThirtyTwoRandomBytes() {
        let secrets = (0..<100).map { _ in WebhookSecret.random() }
        #expect(Set(secrets.map(\.text)).count == 100)
        #expect(secrets.allSatisfy { $0.text.hasPrefix("whsec_") && $0.text.utf8.count == 6 + 44 })
        #expect(secrets.allSatisfy { WebhookSecret($0.text) != nil })
    }

    @Test func doesNotShowItself() {
        let secret = WebhookSecret.random()
        #expect(!"\(secret)".contains(secret.text.dropFirst(10)))
    }

    @Test(arguments: ["", "whsec_", "whsec_?", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    func refusesWhatIsNoSecret(text: String) {
        #expect(WebhookSecret(text) == nil)
    }

    /// A receiver's own library (standardwebhooks from PyPI, installed by scripts/prepare) takes what we sign.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: WebhookSecretTests.python)), arguments: [true, false])
    func satisfiesTheLibraryOfReceivers(isGenuine: Bool) throws {
        let secret = WebhookSecret.random()
        let (body, time) = (#"{"type":"webhook.test","data":"Tüte"}"#, Int(Date().timeIntervalSince1970))
        let signer = isGenuine ? secret : WebhookSecret.random()
        let message: [String: Any] = [
            "secret": secret.text, "body": body,
            "headers": [
                "webhook-id": "msg_1", "webhook-timestamp": "\(time)",
                "webhook-signature": signer.signature(id: "msg_1", timestamp: time, body: Array(body.utf8)),
            ],
        ]
        let process = Process()
        process.executableURL = URL(fileURLWithPath: WebhookSecretTests.python)
        process.arguments = ["\(WebhookSecretTests.package)/scripts/verify-webhook"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        input.fileHandleForWriting.write(try JSONSerialization.data(withJSONObject: message))
        try input.fileHandleForWriting.close()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect((process.terminationStatus == 0) == isGenuine, "\(said)")
        #expect(said.contains(isGenuine ? "verified" : "not verified"), "\(said)")
    }

    private static let package = String(#filePath.prefix(upTo: #filePath.range(of: "/Tests/")!.lowerBound))
    private static let python = "\(package)/.build/python/bin/python"
}
