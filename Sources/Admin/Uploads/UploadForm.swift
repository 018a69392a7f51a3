internal import Catalog
internal import Glibc
internal import Hummingbird
internal import NIOCore
internal import Pipeline

/// Receives one upload: the field `file` goes to the disk as it comes, `dry_run` is remembered.
struct UploadForm: ~Copyable {
    private let folder: UploadFolder
    private var parser: MultipartParser
    private var field: Field = .other
    private var upload: IncomingUpload?
    private var fileName: [UInt8] = []
    private var size = 0
    private var hasSecondFile = false
    /// Content of the file that is not written yet.
    private var buffer: [UInt8] = []
    private var dryRun: [UInt8] = []

    private enum Field { case file, dryRun, other }

    private static let writeSize = 512 << 10
    /// More than any word for yes or no.
    private static let maximumWord = 64

    init(boundary: [UInt8], folder: UploadFolder) {
        self.folder = folder
        parser = MultipartParser(boundary: boundary)
    }

    deinit { upload?.discard() }

    /// Takes the next bytes of the body.
    mutating func receive(_ piece: ByteBuffer) async throws {
        do {
            try piece.withUnsafeReadableBytes { bytes in
                var parser = parser
                try parser.feed(bytes) { try take($0) }
                self.parser = parser
            }
        } catch is MultipartParser.Fault {
            throw Problem(.badRequest, "The body is not well-formed multipart/form-data.")
        }
        if buffer.count >= UploadForm.writeSize { try await flush() }
    }

    private mutating func take(_ event: MultipartParser.Event) throws {
        switch event {
        case .part(let head):
            switch head.name {
            case Array("file".utf8):
                hasSecondFile = upload != nil
                guard !hasSecondFile else { throw Problem.field("file", "Send one file at a time.") }
                field = .file
                fileName = head.fileName ?? []
                upload = try folder.begin()
            case Array("dry_run".utf8):
                field = .dryRun
                dryRun = []
            default: field = .other
            }
        case .content(let bytes):
            switch field {
            case .file:
                buffer += bytes
                size += bytes.count
            case .dryRun: dryRun += bytes.prefix(max(0, UploadForm.maximumWord - dryRun.count))
            case .other: break
            }
        case .partEnd:
            field = .other
        }
    }

    private mutating func flush() async throws {
        guard let upload, !buffer.isEmpty else { return }
        let bytes = buffer
        buffer.removeAll(keepingCapacity: true)
        try await offThread { try bytes.withUnsafeBytes { try upload.write($0) } }
    }

    /// The body has ended: the file goes into the inbox.
    mutating func finish() async throws -> ImportID {
        guard parser.isComplete else {
            throw Problem(.badRequest, "The upload was cut off before its end. Nothing was kept; send it again.")
        }
        guard let upload else {
            throw Problem.field("file", "Send the file in the field file, as multipart/form-data.")
        }
        // What a browser sends of a form in which no file was chosen.
        guard size > 0 || !fileName.isEmpty else { throw Problem.field("file", "Choose a file: none was sent.") }
        let dryRun = try isDryRun()
        try await flush()
        let name = FileName(upload: fileName)
        let id = try await offThread { [folder] in try folder.finish(upload, as: name, dryRun: dryRun) }
        self.upload = nil
        return id
    }

    private func isDryRun() throws -> Bool {
        switch String(decoding: dryRun, as: UTF8.self).lowercased() {
        case "", "false", "0", "no", "off": return false
        case "true", "1", "yes", "on": return true
        default: throw Problem.field("dry_run", "This must be true or false.")
        }
    }
}
