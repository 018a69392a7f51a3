internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Pipeline

/// `POST /api/imports/ID/again` and `POST /api/imports/ID/apply`: the file that is kept with an import goes into the
/// inbox once more, where the watcher takes it like any drop.
struct RepeatController {
    let overview: ImportOverview
    let outbox: Outbox
    let uploads: UploadFolder
    let database: BoundedDatabase

    /// A preview's catalogue is compared with today's, which reads the whole table.
    private static let patience = Duration.seconds(20)

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/api/imports/:id/again", [.post: again])
        router.resource("/api/imports/:id/apply", [.post: apply])
    }

    private struct Again: Decodable {
        var dryRun: Bool?

        enum CodingKeys: String, CodingKey { case dryRun = "dry_run" }
    }

    private struct Apply: Decodable {
        /// Also when the catalogue has changed since the preview.
        var anyway: Bool?
    }

    private struct Accepted: Encodable {
        let jobID: String
        let statusURL: String

        enum CodingKeys: String, CodingKey {
            case jobID = "job_id"
            case statusURL = "status_url"
        }
    }

    /// Imports the kept file again, as a preview if it was one, unless the body says otherwise.
    @Sendable private func again(_ request: Request, _ context: AdminContext) async throws -> Response {
        let wish = try await request.json(Again.self)
        let progress = try await ended(request, context)
        return try await drop(progress, dryRun: wish.dryRun ?? progress.dryRun, context)
    }

    /// Imports the bytes that were previewed, and no others; when the catalogue has changed since, only if told so.
    @Sendable private func apply(_ request: Request, _ context: AdminContext) async throws -> Response {
        let wish = try await request.json(Apply.self)
        let progress = try await ended(request, context)
        guard progress.dryRun, progress.state == .completed else {
            throw Problem(.conflict, "This was no preview that could be applied.")
        }
        if wish.anyway != true { try await checkCatalogue(progress) }
        return try await drop(progress, dryRun: false, context)
    }

    private func ended(_ request: Request, _ context: AdminContext) async throws -> ImportProgress {
        let progress = try await overview.require(request, context)
        guard progress.state.isEnd else { throw Problem(.conflict, "This import has not ended yet.") }
        return progress
    }

    private func checkCatalogue(_ preview: ImportProgress) async throws {
        let then = try await offThread { [outbox] in
            preview.importID.flatMap { ReportFile(outbox).facts($0)?.catalogue }
        }
        let now = try await database.run(within: RepeatController.patience) { try ProductStore($0).mark() }
        guard then != now else { return }
        var problem = Problem(
            .conflict,
            "The catalogue has changed since this preview, so an import may create, change and leave other products than "
                + "the preview counted. Make a new preview, or import it all the same.")
        problem.errors = [.init(field: "anyway", message: "Send true to import it all the same.")]
        throw problem
    }

    private func drop(_ progress: ImportProgress, dryRun: Bool, _ context: AdminContext) async throws -> Response {
        do {
            let id = try await offThread { [outbox, uploads] in
                try KeptSource(progress, outbox: outbox).drop(into: uploads, dryRun: dryRun)
            }
            return try Response(
                status: .accepted,
                json: Accepted(jobID: id.description, statusURL: "\(context.client.prefix)/status/\(id)"))
        } catch let error as SystemError where error.isTransient {
            throw Problem(.insufficientStorage, "The inbox cannot take the file now (\(error)). Try again later.")
        }
    }
}
