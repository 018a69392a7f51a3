internal import HTTPTypes
internal import Hummingbird

/// `/health`: the process answers. `/ready`: what it needs answers too.
struct HealthController {
    let readiness: Readiness

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/health", [.get: health])
        router.resource("/ready", [.get: ready])
    }

    private struct Answer: Encodable {
        let status: String
        var checks: [String: Readiness.Check]?
    }

    @Sendable private func health(_ request: Request, _ context: AdminContext) throws -> Response {
        try Response(json: Answer(status: "ok"))
    }

    @Sendable private func ready(_ request: Request, _ context: AdminContext) async throws -> Response {
        let checks = await readiness.checks()
        let reasons = checks.sorted { $0.key < $1.key }.compactMap(\.value.reason)
        guard reasons.isEmpty else {
            throw Problem(.serviceUnavailable, reasons.joined(separator: " "), checks: checks)
        }
        return try Response(json: Answer(status: "ready", checks: checks))
    }
}
