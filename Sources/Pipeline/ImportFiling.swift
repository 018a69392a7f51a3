package import Catalog
internal import CLinux
internal import FoundationEssentials
internal import Glibc
package import Logging
package import Postgres

/// Files an ended import away: report, rejects and source into `outbox/ID`, the final progress object, and the row marked.
/// Every step can be repeated, so that after a crash the whole is simply done again.
package struct ImportFiling: Sendable {
    /// Inside the work folder: what is to be moved into the outbox.
    package static let resultsFolder = "results"

    private let session: Session
    private let outbox: Outbox
    private let logger: Logger

    package init(session: Session, outbox: Outbox, logger: Logger) {
        self.session = session
        self.outbox = outbox
        self.logger = logger
    }

    /// Adds the paths of what will lie in the import's folder, relative to the outbox.
    static func withFiles(_ progress: ImportProgress, _ job: ImportJob, rejects: Bool) -> ImportProgress {
        var progress = progress
        progress.files.report = "\(job.id)/\(ReportPage.fileName)"
        if rejects {
            progress.files.rejects = "\(job.id)/\(RejectFiles.rejectsName)"
            progress.files.errors = "\(job.id)/\(RejectFiles.errorsName)"
        }
        if job.filesSource, progress.error?.code != .fileMissing {
            // A name that is no UTF-8 cannot be written here: then it is the folder in which the file lies.
            progress.files.source = "\(job.id)/" + (job.file.isUTF8 ? "\(Outbox.sourceName(job.file))" : "")
        }
        return progress
    }

    /// - Returns: the final object. When a step fails, that is logged, and recovery files the import away later.
    package func file(_ job: ImportJob, _ end: ImportProgress) async -> ImportProgress {
        var end = end
        do {
            try move(job, &end)
            try await Task { try await session.run { try ImportStore($0).markFiled(job.id) } }.value
        } catch {
            logger.warning(
                "an ended import could not be filed away yet; it will be tried again",
                metadata: ["import.id": "\(job.id)", "error": "\(error)"])
        }
        return end
    }

    private func move(_ job: ImportJob, _ end: inout ImportProgress) throws {
        let folder = outbox.folder(job.id)
        try makeFolder(folder)
        let results = "\(job.workFolder)/\(ImportFiling.resultsFolder)"
        let report = ReportFile(outbox)
        do {
            try moveFile(
                Array("\(results)/\(ImportFacts.fileName)".utf8CString), to: Array(report.factsPath(job.id).utf8CString)
            )
        } catch let error as SystemError where error.code == ENOENT {
            // It ended before there were any, or the machine crashed: the report does without.
        }
        if end.files.rejects != nil {
            for name in [RejectFiles.rejectsName, RejectFiles.errorsName] {
                try moveFile(
                    Array("\(results)/\(name)".utf8CString), to: Array("\(folder)/\(name)".utf8CString))
            }
        }
        if end.files.source != nil {
            let target = Array("\(folder)/".utf8CString.dropLast()) + Outbox.sourceName(job.file).cString
            do {
                try moveFile(job.source, to: target)
            } catch let error as SystemError where error.code == ENOENT {
                // Somebody took it away after it was read: what the import did stands, and is told all the same.
                logger.warning("the dropped file has gone", metadata: ["import.id": "\(job.id)"])
                end.files.source = nil
            }
        }
        end.files.report = "\(job.id)/\(ReportPage.fileName)"
        try report.write(end, job.id)
        noteRepair(end, report)
        try syncFolder(folder)
        try ProgressFile(outbox, file: job.file, id: job.id, dryRun: job.dryRun).write(end, durable: true)
        try syncFolder(outbox.path)
        removeWorkFolder(job)
    }

    /// The import stands whether or not the report of an earlier one can be written again.
    private func noteRepair(_ end: ImportProgress, _ report: ReportFile) {
        do {
            try report.note(repair: end)
        } catch {
            logger.warning(
                "the report of a repaired import could not be written",
                metadata: ["import.id": "\(end.repairs ?? "")", "error": "\(error)"])
        }
    }

    private func removeWorkFolder(_ job: ImportJob) {
        let results = "\(job.workFolder)/\(ImportFiling.resultsFolder)"
        for name in fileNames(in: results) { unlink(Array("\(results)/".utf8CString.dropLast()) + name.cString) }
        rmdir(results)
        rmdir(job.workFolder)
    }
}

/// Moves a file, also to another file system (then by a durable copy under a temporary name). When it has been moved
/// before, nothing happens.
func moveFile(_ source: [CChar], to target: [CChar]) throws {
    if rename(source, target) == 0 { return }
    switch errno {
    case ENOENT where access(target, F_OK) == 0: return
    case ENOENT: throw SystemError("moving a file that is not there any more", ENOENT)
    case EXDEV: try copyAcross(source, target)
    default: throw SystemError("moving a file into the outbox", errno)
    }
}

private func copyAcross(_ source: [CChar], _ target: [CChar]) throws {
    let input = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard input >= 0 else {
        let code = errno
        // Between file systems rename says EXDEV also of a file that was moved before.
        if code == ENOENT, access(target, F_OK) == 0 { return }
        throw SystemError("opening a file to be moved", code)
    }
    defer { close(input) }
    let path = target.dropLast().map { UInt8(bitPattern: $0) }
    let folder = path[...path.lastIndex(of: 0x2F)!]
    let temporary = folder.map { CChar(bitPattern: $0) } + Array(".moving.tmp".utf8CString)
    let output = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard output >= 0 else { throw SystemError("creating a file in the outbox", errno) }
    do {
        defer { close(output) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(input, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError("reading a file to be moved", errno) }
            if count == 0 { break }
            try buffer.withUnsafeBytes { try writeAll(output, UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
        guard fsync(output) == 0 else { throw SystemError("writing a file in the outbox", errno) }
    } catch {
        unlink(temporary)
        throw error
    }
    guard rename(temporary, target) == 0 else {
        let code = errno
        unlink(temporary)
        throw SystemError("naming a file in the outbox", code)
    }
    // Else it would be in two places; filing it away again copies it again.
    guard unlink(source) == 0 || errno == ENOENT else { throw SystemError("removing a file that was copied", errno) }
}
