internal import Catalog
internal import Glibc
internal import Postgres

/// Finds the import whose rejects a file is: by the file's name, the header, and most of all by what its cells have in
/// common with the rejects, for several files may have the same header.
struct RepairedImport {
    private static let candidates = 50
    /// So much of each file is compared.
    private static let compared = 256 << 10

    let outbox: Outbox

    /// Names under which people drop mended rejects: `rejects.csv`, `rejects (1).csv`, `Rejects-mended.csv`.
    static func mayBeRejects(_ file: FileName) -> Bool {
        file.bytes.prefix(7).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }.elementsEqual("rejects".utf8)
    }

    /// - Parameter headerEnd: bytes of the source up to the first record.
    func find(_ job: ImportJob, _ source: SourceFile, headerEnd: Int, _ imports: ImportStore) throws -> ImportID? {
        guard RepairedImport.mayBeRejects(job.file), let mended = RepairedImport.head(source.descriptor) else {
            return nil
        }
        let cells = RepairedImport.cells(mended[headerEnd...])
        var best: (id: ImportID, score: Int)?
        for id in try imports.withRejects(before: job.id, limit: RepairedImport.candidates) {
            let path = "\(outbox.folder(id))/\(RejectFiles.rejectsName)"
            let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            guard let rejects = RepairedImport.head(file), rejects.count >= headerEnd,
                rejects[..<headerEnd].elementsEqual(mended[..<headerEnd])
            else { continue }
            let score = RepairedImport.cells(rejects[headerEnd...]).intersection(cells).count
            // The newest comes first.
            if score > best?.score ?? -1 { best = (id, score) }
        }
        return best?.id
    }

    private static func head(_ descriptor: CInt) -> [UInt8]? {
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: compared) { buffer, used in
            count = pread(descriptor, buffer.baseAddress, buffer.count, 0)
            used = max(0, count)
        }
        return count < 0 ? nil : bytes
    }

    /// The hashes of what stands between delimiters, quotes and line ends.
    private static func cells(_ bytes: ArraySlice<UInt8>) -> Set<Int> {
        let separators: Set<UInt8> = [0x2C, 0x3B, 0x09, 0x7C, 0x22, 0x0A, 0x0D, 0]
        return Set(bytes.split { separators.contains($0) }.map(\.hashValue))
    }
}
