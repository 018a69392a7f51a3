import Catalog
import FoundationEssentials
import Glibc
import Pipeline
import TestSupport
import Testing

@testable import Watcher

@Suite struct UploadClaimTests {
    @Test func anUploadIsClaimedUnderTheIDItWasPromised() async throws {
        try await withTemporaryFolder { root in
            let folders = InboxFolders(inbox: "\(root)/inbox")
            try folders.make()
            let uploads = UploadFolder(inbox: folders.inbox)
            let drop = InboxFile(.drops, FileName("drop.csv"))
            try Data("sku\n".utf8).write(to: URL(filePath: "\(folders.inbox)/drop.csv"))
            let first = try uploads.finish(incoming(uploads), as: FileName("a.csv"), dryRun: false)
            let second = try uploads.finish(incoming(uploads), as: FileName("a.csv"), dryRun: true)
            let files = [drop, InboxFile(.drops, FileName("a.csv")), InboxFile(.preview, FileName("a.csv"))]
            let ready = try files.map { file in
                guard case .regular(let fingerprint, _) = FileProbe(folders.path(file)) else {
                    throw CancellationError()
                }
                return ReadyFile(file: file, fingerprint: fingerprint)
            }
            var claims = FileClaim(folders: folders, inbox: UUID())
            let jobs = claims.claim(ready).compactMap { outcome -> ImportJob? in
                if case .claimed(let drop) = outcome.1 { drop.job } else { nil }
            }
            #expect(jobs.map(\.file) == files.map(\.name))
            #expect(jobs.dropFirst().map(\.id) == [first, second])
            // The drop was ready before them, so its id comes before theirs.
            #expect(jobs.map(\.id) == jobs.map(\.id).sorted())
            // Until the row is there the ticket answers.
            let outbox = Outbox(path: "\(root)/outbox")
            #expect(uploads.progress(first, outbox: outbox)?.state == .queued)
            uploads.removeTicket(first)
            #expect(uploads.progress(first, outbox: outbox) == nil)
            #expect(uploads.tickets().map(\.id) == [second])
        }
    }

    @Test func anotherFileInItsPlaceDoesNotInheritTheID() async throws {
        try await withTemporaryFolder { root in
            let folders = InboxFolders(inbox: "\(root)/inbox")
            try folders.make()
            let uploads = UploadFolder(inbox: folders.inbox)
            let id = try uploads.finish(incoming(uploads), as: FileName("a.csv"), dryRun: false)
            let file = InboxFile(.drops, FileName("a.csv"))
            unlink(folders.path(file))
            try Data("sku\nother\n".utf8).write(to: URL(filePath: "\(folders.inbox)/a.csv"))
            guard case .regular(let fingerprint, _) = FileProbe(folders.path(file)) else { throw CancellationError() }
            var claims = FileClaim(folders: folders, inbox: UUID())
            guard case .claimed(let drop) = claims.claim([ReadyFile(file: file, fingerprint: fingerprint)])[0].1
            else {
                throw CancellationError()
            }
            #expect(drop.job.id != id)
        }
    }

    private func incoming(_ uploads: UploadFolder) throws -> IncomingUpload {
        let upload = try uploads.begin()
        try Array("sku\nA\n".utf8).withUnsafeBytes { try upload.write($0) }
        return upload
    }
}
