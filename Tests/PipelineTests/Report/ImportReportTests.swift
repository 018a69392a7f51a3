import Catalog
import FoundationEssentials
import Glibc
import Postgres
import TestSupport
import Testing

@testable import Pipeline

/// What imports leave in the outbox, with a real database.
@Suite struct ImportReportTests {
    private func report(_ run: ImportRun, _ end: ImportProgress) throws -> String {
        let html = try run.read(end.files.report)
        expectWellFormed(html)
        return html
    }

    @Test func aReportLiesBesideEveryEnd() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,Lamp\nB,Cup\n")
            let end = try await run(
                "\u{FEFF}SKU;Title;Colour\r\nA;Lamp, green;red\r\nB;Cup;blue\r\nb;Cup;blue\r\nC;Box;\r\n;None;\r\nD\r\n"
            )
            let html = try report(run, end)
            #expect(html.contains("3 products are in the catalogue: 1 new, 2 changed. 2 rows need your attention."))
            #expect(html.contains("<del>Lamp</del>") && html.contains("<ins>Lamp, green</ins>"))
            #expect(html.contains("No SKU: 1 row") && html.contains("Wrong number of cells: 1 row"))
            #expect(html.contains("UTF-8 with byte order mark") && html.contains("semicolon"))
            #expect(html.contains("used as <b>name</b>") && html.contains("Colour"))
            #expect(
                html.contains(
                    "<td data-label=\"SKU\"><code>b</code></td><td class=\"number\" data-label=\"Times\">2</td>"))
            #expect(html.contains(end.sha256!))
            #expect(html.utf8.count < ReportPage.maximumSize)
            #expect(run.outbox.progress(end.importID!)?.files.report == "\(end.id!)/report.html")
        }
    }

    @Test func aFailureShowsThePlace() async throws {
        try await ImportRun.with { run in
            let open = try await run("sku,name\nA,Lamp\nB,\"Cup\nC,Box\n")
            #expect(try report(run, open).contains("B,<mark>&quot;</mark>Cup"))
            let header = try await run("name;price\nLamp;3\n")
            let html = try report(run, header)
            #expect(html.contains("name;price") && html.contains("Write the word sku over the column"))
            let utf16 = try await run(
                [0xFF, 0xFE] + "name;price\nLämp;3\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
            #expect(try report(run, utf16).contains("Lämp;3"))
            let many = try await run("sku,name\n" + String(repeating: ",x\n", count: 20))
            #expect(try report(run, many).contains("No SKU: 20 rows"))
            let nothing = try await run("")
            #expect(try report(run, nothing).contains("The file is empty."))
        }
    }

    @Test func aPreviewIsExactAndSaysWhatWouldChange() async throws {
        try await ImportRun.with { run in
            try await run("sku,name,active\nA,Lamp,yes\nB,Cup,yes\nC,Box,no\n")
            let text = "sku,name,active\nA,Lamp,no\nB,Cup,yes\nD,Pen,yes\nd,Pen 2,yes\n,x,yes\n"
            let before = try await run.products()
            let preview = try await run(text, dryRun: true)
            #expect(try await run.products() == before)
            let html = try report(run, preview)
            #expect(html.contains("An import would leave 3 products in the catalogue: 1 new, 1 changed, 1 as before."))
            #expect(html.contains("<del>yes</del>") && html.contains("<ins>no</ins>"))
            let real = try await run(text)
            #expect(real.rows == preview.rows)
            let facts = ReportFile(run.outbox)
            #expect(facts.facts(preview.importID!)?.changes == facts.facts(real.importID!)?.changes)
            #expect(facts.facts(preview.importID!)?.catalogue?.count == 3)
        }
    }

    @Test func aPreviewNoticesThatTheCatalogueHasChangedSince() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,Lamp\nB,Cup\n")
            let preview = try await run("sku,name\nA,Lamp 2\n", dryRun: true)
            let mark = try #require(ReportFile(run.outbox).facts(preview.importID!)?.catalogue)
            func now() async throws -> CatalogueMark {
                try await run.database.session.run { try ProductStore($0).mark() }
            }
            #expect(try await now() == mark)
            try await run("sku,name\nB,Cup\n")
            #expect(try await now() == mark, "nothing was changed")
            try await run("sku,name\nB,Mug\n")
            #expect(try await now() != mark)
        }
    }

    // MARK: Rejects go round

    @Test func mendedRejectsAreLinkedAndTheFirstReportSaysWhatIsOpen() async throws {
        try await ImportRun.with { run in
            let first = try await run("sku;name\r\nA;Lamp\r\n;Cup\r\n;Box\r\n;Pen\r\n", file: "winter.csv")
            // Another file with the same header has rejects, too.
            let other = try await run("sku;name\r\n;Scarf\r\nZ;Hat\r\n", file: "other.csv")
            let mended = try run.read(first.files.rejects).replacing("\r\n;Cup", with: "\r\nB;Cup")
                .replacing("\r\n;Box", with: "\r\nC;Box")
            let second = try await run(mended, file: "Rejects (1).csv")
            #expect(second.repairs == first.id)
            #expect(second.rows.rejected == 1)
            #expect(try report(run, second).contains("This file repairs rejected rows of"))
            let html = try report(run, first)
            #expect(html.contains("1 of the 3 rejected rows still needs your attention."))
            #expect(html.contains("Rejects (1).csv"))
            #expect(try !report(run, other).contains("Repair"))
            // What was rejected again is mended, too: the first report follows the chain.
            let third = try await run(
                try run.read(second.files.rejects).replacing("\r\n;Pen", with: "\r\nD;Pen"), file: "rejects.csv")
            #expect(third.repairs == second.id)
            #expect(try report(run, first).contains("The 3 rows that were rejected have been repaired since."))
            #expect(try await run.products().count == 5)
        }
    }

    // MARK: Warnings

    private func codes(_ end: ImportProgress) -> [String] { end.warnings.map(\.code.rawValue).sorted() }

    @Test func damageIsSaidAndNothingRejected() async throws {
        try await ImportRun.with { run in
            let end = try await run(
                "sku,name,active\n1.23E+11,CafÃ©,yes\nA-2,true,yes\nA-3,Köln,no\n4.5E+012,GrÃ¶ÃŸe,\n")
            #expect(codes(end) == ["double_encoded", "shifted_column", "sku_as_number"])
            #expect(end.rows.rejected == 0 && end.rows.created == 4)
            let numbers = try #require(end.warnings.first { $0.code == .skuAsNumber })
            #expect(numbers.count == 2 && numbers.lines == [2, 5])
            #expect(end.warnings.first { $0.code == .doubleEncoded }?.lines == [2, 5])
            #expect(end.warnings.first { $0.code == .shiftedColumn }?.lines == [3])
            let html = try report(run, end)
            #expect(html.contains("There are 3 warnings") && html.contains("Lines 2, 5"))
            // The object that scripts poll, as the contract has it.
            let json = try run.read("\(end.id!)/progress.json")
            #expect(json.contains("\"warnings\" : [") && json.contains("\"code\" : \"sku_as_number\""))
        }
    }

    @Test func whatIsInOrderHasNoWarnings() async throws {
        try await ImportRun.with { run in
            let text = "sku,name\nA+1,IRMÃ»\n0017,São Paulo\nLöwe 1,ÃO\n90.750,Año â\nE+12,1\n12+34,x\n"
            let first = try await run(text)
            #expect(codes(first).isEmpty, "\(first.warnings)")
            let second = try await run(text)
            #expect(codes(second).isEmpty && second.rows.unchanged == 6)
            #expect(try run.read("\(first.id!)/progress.json").contains("\"warnings\" : ["))
        }
    }

    @Test(arguments: [false, true], [0, 200])
    func lostZerosAreSaid(dryRun: Bool, others: Int) async throws {
        try await ImportRun.with { run in
            // With many other products, keys are looked up one by one instead of reading the whole catalogue.
            let more = (0..<others).map { "P-\($0),x\n" }.joined()
            try await run("sku,name\n0017,a\n90.750,b\n00250,c\n250,c\n\(more)")
            let end = try await run("sku,name\nX,y\n17,a\n90.75,b\n250,c\n", dryRun: dryRun)
            let warning = try #require(
                end.warnings.first { $0.code == .skuLostZeros }, "\(String(describing: end.plan))")
            #expect(warning.count == 2 && warning.lines == [3, 4])
            #expect(warning.message.contains("17 for 0017") && warning.message.contains("90.75 for 90.750"))
        }
    }

    @Test(arguments: [false, true])
    func lookAlikesAreSaid(dryRun: Bool) async throws {
        try await ImportRun.with { run in
            try await run("sku\nB-9\n")
            let end = try await run("sku\nA 17\nA17\n\u{412}-9\nQ  1\nQ 1\nLöwe\nR 5\n", dryRun: dryRun)
            let warning = try #require(end.warnings.first { $0.code == .skuLookAlike })
            #expect(warning.lines == [2, 3, 4, 5, 6] && warning.count == 5, "\(warning)")
            #expect(warning.message.contains("“A 17” and “") && !warning.message.contains("An export"))
            // Three spellings of one, and the apostrophe that an export writes against formulas.
            let more = try await run("sku\nQ  2\nQ 2\nQ   2\n'-RT5\n-RT5\n'B-9\n'x\n", dryRun: dryRun)
            let second = try #require(more.warnings.first { $0.code == .skuLookAlike })
            #expect(second.lines == [2, 3, 4, 5, 6, 7] && second.count == 6, "\(second)")
            #expect(second.message.contains("An export writes an apostrophe"))
        }
    }

    @Test func namesThatMovedAreSaid() async throws {
        try await ImportRun.with { run in
            let names = (0..<12).map { "Name \($0)" }
            func file(_ names: [String]) -> String {
                "sku,name\n" + names.enumerated().map { "S-\($0.offset),\($0.element)\n" }.joined()
            }
            try await run(file(names))
            let moved = try await run(file(Array(names.dropFirst()) + [names[0]]))
            #expect(codes(moved) == ["shifted_column"])
            let renamed = try await run(file(names.map { $0 + " (new)" }))
            #expect(codes(renamed).isEmpty)
        }
    }

    @Test func aMuchSmallerFileIsSaid() async throws {
        try await ImportRun.with { run in
            func file(_ rows: Int) -> String { "sku\n" + (0..<rows).map { "S-\($0)\n" }.joined() }
            try await run(file(100))
            #expect(codes(try await run(file(60))).isEmpty)
            #expect(codes(try await run(file(20))) == ["smaller_file"])
            #expect(codes(try await run(file(3), file: "another.csv")).isEmpty)
        }
    }

    @Test func aFileThatBreaksOffIsSaid() async throws {
        try await ImportRun.with { run in
            let end = try await run("sku,name\nA,1\nB,2\nC")
            #expect(codes(end) == ["cut_off"] && end.warnings.first?.lines == [4])
            #expect(end.rows.created == 2 && end.rows.rejected == 1)
            #expect(codes(try await run("sku,name\nA,1\nC\n")).isEmpty, "a row that was written so")
            #expect(codes(try await run("sku,name\nA,1\nC,3")).isEmpty, "a last line without an end is common")
        }
    }

    // MARK: After a crash

    @Test func filingCanBeRepeatedAtEveryStep() async throws {
        try await ImportRun.with { run in
            let job = try await run.job(Array("sku,name\nA,Lamp\n,x\n".utf8), file: "crash.csv", dryRun: false)
            let pipeline = run.pipeline()
            guard case .ended(let end) = try await pipeline.run(job) else { throw ImportRun.NotEnded() }
            let before = try run.read(end.files.report)
            // Killed after any of the steps: the rest is done again, and the same report is there.
            for name in ["report.html", "progress.json"] {
                unlink("\(run.outbox.folder(job.id))/\(name)")
                let filed = await ImportFiling(
                    session: run.database.session, outbox: run.outbox, logger: pipeline.logger
                )
                .file(job, end)
                #expect(filed == end)
                #expect(try run.read(end.files.report) == before)
            }
            // A crash of the machine may take the facts: then the report tells less.
            unlink(ReportFile(run.outbox).factsPath(job.id))
            let filed = await ImportFiling(session: run.database.session, outbox: run.outbox, logger: pipeline.logger)
                .file(job, end)
            #expect(filed == end)
            #expect(try run.read(end.files.report).contains("1 product is in the catalogue"))
        }
    }
}
