import Catalog
import FoundationEssentials
import Glibc
import Pipeline
import TestSupport
import Testing

@testable import Watcher

@Suite struct FileClaimTests {
    private static let oddNames: [[UInt8]] = [
        Array("plain.csv".utf8), [0xFF, 0xFE] + Array(" ü.csv".utf8), Array("line\nbreak\t\u{1B}[31m.csv".utf8),
        Array(repeating: 0x61, count: 246) + Array(".csv".utf8), Array("..\\..csv.csv".utf8),
        Array("-rf *.csv".utf8), Array("%s%n'\"<b>.csv".utf8), Array("results.csv".utf8),
    ]

    @Test(arguments: oddNames) func aClaimKeepsNameAndBytes(name: [UInt8]) async throws {
        try await withInbox { folders in
            let file = InboxFile(.drops, FileName(bytes: name))
            let content = try dropFile(folders, file)
            let drop = try #require(claim(folders, [file]).first)
            let job = drop.job
            #expect(FileProbe(folders.path(file)) == .gone)
            #expect(job.file == file.name && !job.dryRun && drop.bytes == content.count)
            #expect(fileNames(in: job.workFolder) == [file.name])
            #expect(try readFile(job.source) == content)
            #expect(mode(job.workFolder) == 0o700)
        }
    }

    @Test func idsSortInTheOrderOfTheClaims() async throws {
        try await withInbox { folders in
            let files = (0..<300).reversed().map { InboxFile($0 % 2 == 0 ? .drops : .preview, FileName("\($0).csv")) }
            for file in files { try dropFile(folders, file) }
            let jobs = claim(folders, files).map(\.job)
            #expect(jobs.map(\.file) == files.map(\.name))
            #expect(jobs.map(\.dryRun) == files.map(\.dryRun))
            #expect(jobs.map(\.id) == jobs.map(\.id).sorted())
            #expect(Set(jobs.map(\.id)).count == 300)
        }
    }

    @Test func whatChangedSinceItWasFoundIsNotClaimed() async throws {
        try await withInbox { folders in
            let file = InboxFile(.drops, FileName("a.csv"))
            try dropFile(folders, file)
            let writer = open(folders.path(file), O_WRONLY | O_APPEND)
            #expect(claim(folders, [file]).isEmpty)
            close(writer)
            link(folders.path(file), "\(folders.inbox)/second")
            #expect(claim(folders, [file]).isEmpty)
            unlink(folders.path(file))
            symlink("second", folders.path(file))
            #expect(claim(folders, [file]).isEmpty)
            unlink(folders.path(file))
            #expect(claim(folders, [file]).isEmpty)
            #expect(fileNames(in: "\(folders.inbox)/.work") == [FileName("preview")])
        }
    }

    // MARK: Helpers

    private func claim(_ folders: InboxFolders, _ files: [InboxFile]) -> [ClaimedDrop] {
        var claims = FileClaim(folders: folders, inbox: UUID())
        let found = FileProbe.Fingerprint(inode: 0, size: 0, modified: [])
        return claims.claim(files.map { ReadyFile(file: $0, fingerprint: found) }).compactMap { _, outcome in
            if case .claimed(let drop) = outcome { drop } else { nil }
        }
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }
}

/// An inbox in a new folder.
func withInbox(_ body: (InboxFolders) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        let folders = InboxFolders(inbox: "\(folder)/inbox")
        try folders.make()
        try await body(folders)
    }
}

/// Writes a file into the inbox in place, as cp does, and gives back its bytes.
@discardableResult
func dropFile(
    _ folders: InboxFolders, _ file: InboxFile, rows: Int = 3, tag: String = "S", name: String = "Name"
) throws -> [UInt8] {
    var text = "sku,name\n"
    for row in 0..<rows { text += "\(tag)\(row),\(name) \(row)\n" }
    let bytes = Array(text.utf8)
    let descriptor = open(folders.path(file), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw SystemError("dropping a file", errno) }
    defer { close(descriptor) }
    guard write(descriptor, bytes, bytes.count) == bytes.count else { throw SystemError("writing a drop", errno) }
    return bytes
}
