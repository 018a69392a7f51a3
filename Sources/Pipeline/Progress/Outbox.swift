package import Catalog
internal import FoundationEssentials
internal import Glibc

/// The outbox's folders and names. Nothing outside of here builds a path in it.
package struct Outbox: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// Makes the folders that every import needs.
    package func prepare() throws {
        try makeFolder(path)
        try makeFolder("\(path)/preview")
    }

    package func folder(_ id: ImportID) -> String { "\(path)/\(id)" }
    package func progressFile(_ id: ImportID) -> String { "\(path)/\(id)/progress.json" }

    /// The file that scripts poll for a name, as path bytes ended by NUL; nil while there is no name to give it (the
    /// file's own would be no good file name, and it has no id yet).
    package func pointer(_ file: FileName, id: ImportID?, dryRun: Bool) -> [CChar]? {
        let folder = dryRun ? "\(path)/preview/" : "\(path)/"
        if file.bytes.count + 5 <= 255, file.isUTF8, !file.hasControlCharacters {
            return Array(folder.utf8CString.dropLast()) + file.cString.dropLast() + Array(".json".utf8CString)
        }
        return id.map { Array("\(path)/\($0).json".utf8CString) }
    }

    /// The name under which the dropped file is kept in its import's folder: its own, unless one of ours is in the way.
    package static func sourceName(_ file: FileName) -> FileName {
        let ours = [
            "progress.json", ReportPage.fileName, RejectFiles.rejectsName, RejectFiles.errorsName, ImportFacts.fileName,
        ]
        return ours.contains(file.description) ? FileName("source-\(file)") : file
    }

    /// The dropped file that is kept with an import, and the name under which it was dropped; nil when it is not there.
    package func keptSource(_ id: ImportID) -> (path: String, file: FileName)? {
        guard let progress = progress(id), let source = progress.files.source else { return nil }
        let path = "\(self.path)/\(source)"
        var status = stat()
        guard source.hasPrefix("\(id)/"), !source.hasSuffix("/"), lstat(path, &status) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else { return nil }
        return (path, FileName(progress.file))
    }

    /// The progress object of an import; nil when it has none, or when it cannot be read just now.
    package func progress(_ id: ImportID) -> ImportProgress? { readProgress(Array(progressFile(id).utf8CString)) }

    /// All pointers, newest first: one progress object per dropped name.
    package func pointers() -> [ImportProgress] {
        let folders = [path, "\(path)/preview"]
        let found = folders.flatMap { folder in
            fileNames(in: folder).filter { $0.bytes.first != 0x2E && $0.bytes.suffix(5).elementsEqual(".json".utf8) }
                .compactMap { readProgress(Array(folder.utf8CString.dropLast()) + [0x2F] + $0.cString) }
        }
        return found.sorted { $0.receivedAt > $1.receivedAt }
    }
}

func readProgress(_ path: [CChar]) -> ImportProgress? {
    guard let bytes = try? readFile(path) else { return nil }
    return try? ImportProgress(json: Data(bytes))
}

/// Reads a small file of ours; never follows a link.
package func readFile(_ path: [CChar]) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("reading a file", errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while true {
        let before = bytes.count
        var count = 0
        bytes += [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, used in
            count = read(descriptor, buffer.baseAddress, buffer.count)
            used = max(count, 0)
        }
        if count < 0 && errno != EINTR { throw SystemError("reading a file", errno) }
        if count == 0 { return bytes }
        precondition(bytes.count >= before)
    }
}

/// The names in a folder, in no order, without `.` and `..`; empty when it cannot be read.
package func fileNames(in folder: String) -> [FileName] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [FileName] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { FileName(bytes: $0.prefix { $0 != 0 }) }
        if name != FileName("."), name != FileName("..") { names.append(name) }
    }
    return names
}

/// Makes a folder and its parents if they are not there.
package func makeFolder(_ path: String, mode: UInt32 = 0o755) throws {
    if mkdir(path, mode) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
        throw SystemError("making the folder \(path)", errno)
    }
    try makeFolder(String(path[..<slash]))
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw SystemError("making the folder \(path)", errno) }
}

/// Makes what happened in a folder (files made, renamed, removed) durable.
package func syncFolder(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("opening the folder \(path)", errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw SystemError("writing the folder \(path)", errno) }
}
