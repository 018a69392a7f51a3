internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// `/metrics`: what a monitoring system reads. While the database is away, its part is missing and `importer_database_up`
/// is 0.
struct MetricsController {
    let http: HTTPMetrics
    let database: BoundedDatabase

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/metrics", [.get: metrics])
    }

    private struct Stored: Sendable {
        let imports: ImportStore.Metrics
        let webhooks: [(outcome: String, count: Int)]
    }

    @Sendable private func metrics(_ request: Request, _ context: AdminContext) async throws -> Response {
        let stored = try? await database.run(within: .seconds(5)) { connection in
            let store = ImportStore(connection)
            return Stored(imports: try store.metrics(), webhooks: try store.webhookAttempts())
        }
        var output = PrometheusText()
        output.metric("importer_database_up", .gauge, "Whether the database answers.")
        output.sample("importer_database_up", stored == nil ? 0 : 1)
        if let stored {
            write(stored.imports, to: &output)
            output.metric("importer_webhook_attempts_total", .counter, "Attempts to deliver webhooks by outcome.")
            for (outcome, count) in stored.webhooks {
                output.sample("importer_webhook_attempts_total", ["outcome": outcome], count)
            }
        }
        writeRequests(to: &output)
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: output.text)))
    }

    private func write(_ imports: ImportStore.Metrics, to output: inout PrometheusText) {
        output.metric("importer_imports", .gauge, "Imports by state.")
        for (state, count) in imports.byState.sorted(by: { $0.key < $1.key }) {
            output.sample("importer_imports", ["state": state], count)
        }
        output.metric("importer_rows_total", .counter, "Rows of completed imports by what became of them.")
        let rows = imports.rows
        for (kind, count) in [
            ("read", rows.read), ("created", rows.created), ("updated", rows.updated), ("unchanged", rows.unchanged),
            ("duplicates", rows.duplicates), ("rejected", rows.rejected),
        ] { output.sample("importer_rows_total", ["kind": kind], count) }
        output.metric("importer_queue_age_seconds", .gauge, "How long the oldest queued import has been waiting.")
        output.sample("importer_queue_age_seconds", imports.queueAge)
        let name = "importer_import_duration_seconds"
        output.metric(name, .histogram, "How long completed imports took, from start to end.")
        for (bucket, count) in zip(ImportStore.Metrics.buckets, imports.durations) {
            output.sample("\(name)_bucket", ["le": "\(bucket)"], count)
        }
        output.sample("\(name)_bucket", ["le": "+Inf"], imports.durationCount)
        output.sample("\(name)_sum", imports.durationSum)
        output.sample("\(name)_count", imports.durationCount)
    }

    private func writeRequests(to output: inout PrometheusText) {
        let name = "importer_http_request_duration_seconds"
        output.metric(name, .histogram, "How long it took until an answer began, by route.")
        for (key, count) in http.snapshot {
            let (route, method, status) = (key.route, key.method, "\(key.status)")
            for (bucket, number) in zip(HTTPMetrics.buckets, count.buckets) {
                output.sample(
                    "\(name)_bucket", ["route": route, "method": method, "status": status, "le": "\(bucket)"], number)
            }
            output.sample(
                "\(name)_bucket", ["route": route, "method": method, "status": status, "le": "+Inf"], count.requests)
            output.sample("\(name)_sum", ["route": route, "method": method, "status": status], count.seconds)
            output.sample("\(name)_count", ["route": route, "method": method, "status": status], count.requests)
        }
    }
}
