internal import Catalog
internal import Crypto
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import Pipeline

/// The dropped file that is kept with an import.
struct KeptSource {
    private let path: String
    private let file: FileName
    private let sha256: String?

    private static let pieceSize = 512 << 10

    /// - Throws: a 410 problem when it is not there any more.
    init(_ progress: ImportProgress, outbox: Outbox) throws {
        guard let kept = progress.importID.flatMap({ outbox.keptSource($0) }) else {
            throw Problem(
                .gone,
                "The file of this import is not kept any more: it was removed with age, or imported by the command and "
                    + "never dropped. Drop it again.")
        }
        (path, file, sha256) = (kept.path, kept.file, progress.sha256)
    }

    /// Copies the file into the inbox. Blocks.
    ///
    /// - Throws: a 409 problem when its bytes are not those that were imported.
    func drop(into uploads: UploadFolder, dryRun: Bool) throws -> ImportID {
        let source = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard source >= 0 else { throw SystemError("opening the kept file", errno) }
        defer { close(source) }
        let upload = try uploads.begin()
        do {
            guard try copy(source, to: upload) == sha256 || sha256 == nil else {
                throw Problem(
                    .conflict, "The kept file is not what it was when it was imported. Drop the right one again.")
            }
            return try uploads.finish(upload, as: FileName(upload: file.bytes), dryRun: dryRun)
        } catch {
            upload.discard()
            throw error
        }
    }

    /// - Returns: the SHA-256 of what was copied, in lower-case hexadecimal.
    private func copy(_ source: CInt, to upload: IncomingUpload) throws -> String {
        var hasher = SHA256()
        var buffer = [UInt8](repeating: 0, count: KeptSource.pieceSize)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(source, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError("reading the kept file", errno) }
            if count == 0 { break }
            try buffer.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                hasher.update(bufferPointer: piece)
                try upload.write(piece)
            }
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: hasher.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
