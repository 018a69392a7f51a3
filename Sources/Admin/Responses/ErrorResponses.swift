internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Postgres

/// Turns whatever was thrown into an answer: a problem object, or a page for a browser that asks for one.
struct ErrorResponses: RouterMiddleware {
    typealias Context = AdminContext

    let pages: PageTemplates

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let problem = ErrorResponses.problem(error, context)
            return try request.wantsPage ? pages.problem(request, problem) : problem.response()
        }
    }

    /// The cause of an internal error goes to the log; its reader there has more use for it.
    private static func problem(_ error: any Error, _ context: AdminContext) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let unavailable as DatabaseUnavailable:
            return Problem(unavailable)
        case is RequestTooSlow:
            return Problem(.requestTimeout, "The body came too slowly. Send it again.")
        case is CommitUnknown:
            return Problem(
                .serviceUnavailable,
                "The database went away at the last moment: look whether the change was made before you try again.")
        case is HTTPParserError, ChannelError.eof, ChannelError.ioOnClosedChannel:
            context.logger.debug("a request was cut off", metadata: ["error": "\(error)"])
            return Problem(.badRequest, "The request was cut off. Send it again.")
        case let error as HTTPError where error.status == .notFound:
            return Problem(.notFound, "There is nothing at this address.")
        case let error as HTTPError:
            return Problem(error.status, error.body ?? "The request cannot be answered.")
        default:
            context.logger.error("a request failed", metadata: ["error": "\(String(reflecting: error))"])
            return Problem(.internalServerError, "Something went wrong here. The log says more.")
        }
    }
}

extension Request {
    /// Whether a person asks with a browser, who has more use for a page than for JSON.
    var wantsPage: Bool {
        guard let accept = headers[.accept], accept.contains("text/html") else { return false }
        return !uri.path.hasPrefix("/api/")
    }
}
