import Catalog
import FoundationEssentials
import Glibc
import Postgres
@testable import Pipeline
import TestSupport
import Testing

/// Every code of contract §4 that a file can cause: nothing is applied, and the message says what to do.
@Suite struct FailureTests {
    static let files: [(String, [UInt8], ImportFailure.Code, Int?)] = [
        ("nothing", [], .empty, nil),
        ("byte order mark, spaces and line ends", [0xEF, 0xBB, 0xBF] + Array(" \r\n\t\n".utf8), .empty, nil),
        ("no sku", Array("name,price\nLamp,3\n".utf8), .missingColumn, 1),
        ("two sku columns", Array("sku,Product SKU,name\nA,B,C\n".utf8), .duplicateColumn, 1),
        ("open quote", Array("sku,name\nA,Lamp\nB,\"Cup\nC,Box\n".utf8), .unterminatedQuote, 3),
        ("UTF-16 without a mark", Array("sku,name\nA,Lamp\n".utf8).flatMap { [$0, 0] }, .encoding, nil),
        ("UTF-32", [0xFF, 0xFE, 0, 0, 0x73, 0, 0, 0], .encoding, nil),
        ("gzip", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], .compressed, nil),
        ("zip", [0x50, 0x4B, 3, 4, 20, 0, 0, 0, 0, 0], .compressed, nil),
        (
            "half rejected", Array(("sku,name\n" + (0..<12).map { "A\($0),x\n" + ",y\n" }.joined() + ",z\n").utf8),
            .tooManyRejects, nil
        ),
    ]

    @Test(arguments: files)
    func failsWithItsCode(name: String, bytes: [UInt8], code: ImportFailure.Code, line: Int?) async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nOLD,kept\n")
            let end = try await run(bytes)
            #expect(end.state == .failed)
            #expect(end.error?.code == code, "\(String(describing: end.error))")
            #expect(end.error?.message.isEmpty == false)
            if let line { #expect(end.error?.line == line) }
            #expect(end.percent == 100)
            if bytes.count > 0 { #expect(end.sha256?.count == 64) }
            #expect(end.rows.created + end.rows.updated + end.rows.unchanged == 0)
            #expect(try await run.products() == ["OLD|kept||t"])
            let pointer = try readProgress(
                #require(run.outbox.pointer(FileName("products.csv"), id: nil, dryRun: false)))
            #expect(pointer?.state == .failed)
        }
    }

    @Test func tooManyRejectsStillGivesThemBack() async throws {
        try await ImportRun.with { run in
            let rows = (0..<10).map { $0 < 6 ? ",x\n" : "A\($0),x\n" }.joined()
            let end = try await run("sku,name\n" + rows)
            #expect(end.error?.code == .tooManyRejects)
            #expect(try run.read(end.files.rejects) == "sku,name\n" + String(repeating: ",x\n", count: 6))
            #expect(try run.read(end.files.errors).split(separator: "\r\n").count == 7)
        }
    }

    @Test func fewRecordsAndExactShareAreNoReasonToFail() async throws {
        try await ImportRun.with { run in
            let few = try await run("sku\n\" \"\n\" \"\nA\n")
            #expect(few.state == .completed)
            let half = (0..<10).map { $0 < 5 ? "\" \"\n" : "A\($0)\n" }.joined()
            let share = try await run("sku\n" + half)
            #expect(share.state == .completed)
        }
    }

    @Test func aHundredPercentNeverFails() async throws {
        try await ImportRun.with { run in
            var run = run
            run.options.maximumRejectPercent = 100
            let end = try await run("sku,name\n" + String(repeating: ",x\n", count: 20))
            #expect(end.state == .completed)
            #expect(end.rows.rejected == 20)
        }
    }

    @Test func aFileThatIsGoneFails() async throws {
        try await ImportRun.with { run in
            let job = try await run.job(Array("sku\nA\n".utf8), file: "gone.csv", dryRun: false)
            unlink(job.source)
            let end = try await run.pipeline().run(job)
            guard case .ended(let progress) = end else { throw ImportRun.NotEnded() }
            #expect(progress.error?.code == .fileMissing)
        }
    }

    @Test func fiveCrashesEndTheImport() async throws {
        try await ImportRun.with { run in
            let job = try await run.job(Array("sku\nA\n".utf8), file: "crash.csv", dryRun: false)
            // Five attempts that never closed.
            for _ in 0..<5 { try await run.database.session.run { _ = try ImportStore($0).beginAttempt(job.id) } }
            let end = try await run.pipeline().run(job)
            guard case .ended(let progress) = end else { throw ImportRun.NotEnded() }
            #expect(progress.error?.code == .crashLoop)
            #expect(try await run.products().isEmpty)
        }
    }

    @Test func headerAloneCompletes() async throws {
        try await ImportRun.with { run in
            let end = try await run("sku,name\r\n")
            #expect(end.state == .completed)
            #expect(end.rows == ImportProgress.Rows())
        }
    }

    @Test func progressOfAnEndIsWhole() async throws {
        try await ImportRun.with { run in
            let end = try await run("\u{FEFF}SKU,Title,Colour\r\nA,Lamp,red\r\na,Lamp 2,blue\r\n")
            let id = try #require(end.importID)
            let read = try #require(run.outbox.progress(id))
            #expect(try read.json() == end.json())
            #expect(end.rows.duplicates == 1)
            #expect(end.sha256 == "62a11ba3748b1997f3e672b4253ac1d983765a132289b856802453adf23ecc29")
            #expect(end.format?.columns == ["sku": "SKU", "name": "Title"])
            #expect(end.format?.ignoredColumns == ["Colour"])
            #expect(end.format?.encoding == "UTF-8 with byte order mark")
            #expect(end.bytes.done == end.bytes.total)
            #expect(end.plan?.name == "copy")
        }
    }
}
