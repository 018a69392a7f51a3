internal import HTTPTypes
internal import Hummingbird

/// `/openapi.json`: what this API takes and answers, as OpenAPI 3.1, from the binary.
struct OpenAPIController {
    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/openapi.json", [.get: description])
    }

    @Sendable private func description(_ request: Request, _ context: AdminContext) throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-cache"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_json)))
    }
}
