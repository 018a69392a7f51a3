internal import HTTPTypes
internal import Hummingbird

/// `/static/…`: styles, scripts and the icon, from the binary.
struct AssetsController {
    let assets: Assets

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/static/:name", [.get: asset])
    }

    @Sendable private func asset(_ request: Request, _ context: AdminContext) throws -> Response {
        guard let asset = context.parameters.get("name").flatMap({ assets[$0] }) else {
            throw Problem(.notFound, "There is nothing at this address.")
        }
        // no-cache means: keep it, but ask each time whether it is still this one.
        let headers: HTTPFields = [.eTag: asset.tag, .cacheControl: "no-cache"]
        if request.headers[values: .ifNoneMatch].contains(where: { $0.contains(asset.tag) || $0 == "*" }) {
            return Response(status: .notModified, headers: headers)
        }
        var response = Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: asset.bytes))
        response.headers[.contentType] = asset.type
        return response
    }
}
