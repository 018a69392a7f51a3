internal import Crypto
internal import Hummingbird
internal import Pipeline

/// The files under `/static/`, from the binary.
struct Assets: Sendable {
    struct Asset: Sendable {
        let bytes: ByteBuffer
        let type: String
        /// A strong ETag: the same bytes have the same, in every build.
        let tag: String

        init(_ bytes: [UInt8], _ type: String) {
            self.bytes = ByteBuffer(bytes: bytes)
            self.type = type
            let digest = SHA256.hash(data: bytes).prefix(12).map { String($0, radix: 36) }.joined()
            self.tag = "\"\(digest)\""
        }
    }

    private static let style = "text/css; charset=utf-8"
    private static let script = "text/javascript; charset=utf-8"

    private let byName: [String: Asset] = [
        "admin.css": Asset(ReportStyle.base + PackageResources.admin_css, style),
        "server.js": Asset(PackageResources.server_js, script),
        "format.js": Asset(PackageResources.format_js, script),
        "health.js": Asset(PackageResources.health_js, script),
        "row.js": Asset(PackageResources.row_js, script),
        "imports.js": Asset(PackageResources.imports_js, script),
        "import.js": Asset(PackageResources.import_js, script),
        "webhooks.css": Asset(PackageResources.webhooks_css, style),
        "webhooks.js": Asset(PackageResources.webhooks_js, script),
        "webhook.js": Asset(PackageResources.webhook_js, script),
        "attempts.js": Asset(PackageResources.attempts_js, script),
        "deliveries.js": Asset(PackageResources.deliveries_js, script),
        "import-deliveries.js": Asset(PackageResources.import_deliveries_js, script),
        "upload.js": Asset(PackageResources.upload_js, script),
        "repeat.js": Asset(PackageResources.repeat_js, script),
        "chart.js": Asset(PackageResources.chart_js, script),
        "rejects.js": Asset(PackageResources.rejects_js, script),
        "products.js": Asset(PackageResources.products_js, script),
        "product-row.js": Asset(PackageResources.product_row_js, script),
        "icon.svg": Asset(PackageResources.icon_svg, "image/svg+xml"),
    ]

    subscript(name: String) -> Asset? { byName[name] }
}
