internal import Catalog
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import Pipeline

/// `POST /upload`: a file from a page or a script, streamed into the inbox, where the watcher takes it like any drop.
struct UploadController {
    let folder: UploadFolder

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/upload", [.post: upload])
    }

    private struct Accepted: Encodable {
        let jobID: String
        let statusURL: String

        enum CodingKeys: String, CodingKey {
            case jobID = "job_id"
            case statusURL = "status_url"
        }
    }

    @Sendable private func upload(_ request: Request, _ context: AdminContext) async throws -> Response {
        guard request.mediaType == "multipart/form-data" else {
            throw Problem(.unsupportedMediaType, "Send the file as multipart/form-data, in the field file.")
        }
        guard let boundary = Self.boundary(request.headers[.contentType] ?? "") else {
            throw Problem(.badRequest, "The Content-Type has no boundary.")
        }
        do {
            var form = UploadForm(boundary: boundary, folder: folder)
            for try await piece in request.body { try await form.receive(piece) }
            let id = try await form.finish()
            let answer = Accepted(jobID: id.description, statusURL: "\(context.client.prefix)/status/\(id)")
            return try Response(status: .accepted, json: answer)
        } catch let error as SystemError where [ENOSPC, EDQUOT, EFBIG].contains(error.code) {
            throw Problem(
                .insufficientStorage, "The disk of the inbox has no room for this file. Make room, then send it again.")
        } catch let error as SystemError {
            throw Problem(.internalServerError, "The upload cannot be stored: \(error).")
        }
    }

    /// RFC 2046 §5.1.1 allows 70 characters; some clients use more.
    private static func boundary(_ type: String) -> [UInt8]? {
        let bytes = Array(type.utf8)
        let key = Array("boundary=".utf8)
        let start = bytes.indices.first { place in
            bytes[place...].prefix(key.count).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } == key
        }
        guard let start else { return nil }
        let value = bytes[(start + key.count)...]
        let boundary =
            value.first == UInt8(ascii: "\"")
            ? Array(value.dropFirst().prefix { $0 != UInt8(ascii: "\"") })
            : Array(value.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 })
        return (1...200).contains(boundary.count) ? boundary : nil
    }
}

extension HTTPResponse.Status {
    static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
