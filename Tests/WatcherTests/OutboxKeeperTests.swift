import Catalog
import FoundationEssentials
import Glibc
import Pipeline
import TestSupport
import Testing

@testable import Watcher

extension OneWatch {
    /// The outbox alone tells what happened: the overview follows the imports and the inbox, old imports go.
    @Suite struct OutboxKeeperTests {
        private func index(_ inbox: RunningInbox) -> String {
            (try? readFile(Array("\(inbox.options.outbox)/index.html".utf8CString))).map {
                String(decoding: $0, as: UTF8.self)
            } ?? ""
        }

        @Test func theOverviewFollowsInboxAndImports() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    #expect(await eventually { index(inbox).contains("Nothing has been imported yet.") })
                    try write("sku,name\nA,Lamp\n,x\n", to: inbox.folders.path(drop("winter.csv")))
                    try write("not for us", to: inbox.folders.path(drop("prices.xlsx")))
                    symlink("/etc/hosts", "\(inbox.options.inbox)/link.csv")
                    let end = try await inbox.wait(drop("winter.csv"), .completed)
                    let id = try #require(end.id)
                    #expect(access("\(inbox.options.outbox)/\(id)/report.html", F_OK) == 0)
                    let told = await eventually {
                        let html = index(inbox)
                        return html.contains("./\(id)/report.html") && html.contains("prices.xlsx")
                            && html.contains("link.csv") && html.contains("Not taken")
                    }
                    #expect(told, "\(index(inbox))")
                    unlink("\(inbox.options.inbox)/link.csv")
                    #expect(await eventually { !index(inbox).contains("link.csv") })
                }
                #expect(!index(inbox).contains("link.csv"))
            }
        }

        @Test func oldImportsAreRemoved() async throws {
            try await RunningInbox.with { inbox in
                var inbox = inbox
                inbox.options.retentionDays = 7
                let time = Date(timeIntervalSinceNow: -8 * 86400)
                let id = ImportID.mint(at: time)
                var old = ImportProgress(
                    id: id, file: FileName("old.csv"), dryRun: false, state: .completed, message: "", receivedAt: time)
                old.percent = 100
                old.finishedAt = time
                try ProgressFile(inbox.outbox, file: FileName("old.csv"), id: id, dryRun: false).write(old)
                try await inbox.run { [inbox] _ in
                    #expect(await eventually { access(inbox.outbox.folder(id), F_OK) != 0 })
                    #expect(await eventually { inbox.outbox.pointers().isEmpty })
                }
            }
        }

        private func write(_ text: String, to path: [CChar]) throws {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            try #require(descriptor >= 0)
            var text = text
            let written = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
            try #require(written == text.utf8.count)
        }
    }
}
