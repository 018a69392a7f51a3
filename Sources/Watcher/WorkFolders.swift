internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Pipeline

/// What lies in the inbox's work folders, as it is found on disk.
struct WorkFolders {
    /// A work folder, with the dropped file that is in it, if any.
    struct Work {
        let folder: InboxFile.Folder
        let path: String
        let file: FileName?
    }

    let folders: InboxFolders

    func all() -> [ImportID: Work] {
        var found: [ImportID: Work] = [:]
        for folder in InboxFile.Folder.allCases {
            for name in fileNames(in: folders.claims(folder)) {
                guard let id = ImportID(name.description) else { continue }
                let path = folders.claim(id, folder)
                // Beside the file there are only our results and scratch files, whose names begin with a dot.
                let file = fileNames(in: path).first {
                    $0.bytes.first != 0x2E && $0 != FileName(ImportFiling.resultsFolder)
                }
                found[id] = Work(folder: folder, path: path, file: file)
            }
        }
        return found
    }

    /// Removes a work folder without a dropped file. Does nothing if there is one after all.
    func remove(_ work: Work) {
        let results = "\(work.path)/\(ImportFiling.resultsFolder)"
        for name in fileNames(in: results) { unlink(cPath(results, name)) }
        rmdir(results)
        for name in fileNames(in: work.path) where name.bytes.first == 0x2E { unlink(cPath(work.path, name)) }
        rmdir(work.path)
    }
}

extension ImportID {
    /// When it was minted (RFC 9562 §5.7: 48 bits of milliseconds).
    var time: Date {
        let bytes = withUnsafeBytes(of: uuid.uuid) { Array($0.prefix(6)) }
        return Date(timeIntervalSince1970: Double(bytes.reduce(0) { $0 << 8 | UInt64($1) }) / 1000)
    }
}
