import Catalog
import FoundationEssentials
import Testing

@testable import Pipeline

/// Reports from values: no import is run.
@Suite struct ReportPageTests {
    static func report(
        _ state: ImportProgress.State = .completed, file: FileName = FileName("winter.csv"), dryRun: Bool = false,
        _ change: (inout ImportProgress, inout ImportFacts) -> Void = { _, _ in }
    ) -> ImportReport {
        let id = ImportID("0197e5a0-3c1d-7b52-9f60-2f1c7f6f0a11")
        var progress = ImportProgress(
            id: id, file: file, dryRun: dryRun, state: state, message: "", receivedAt: Date(timeIntervalSince1970: 0))
        progress.percent = 100
        progress.finishedAt = Date(timeIntervalSince1970: 1)
        var facts = ImportFacts()
        change(&progress, &facts)
        return ImportReport(progress, facts: facts)
    }

    // MARK: The first sentence

    static let sentences: [(String, ImportReport, String)] = [
        (
            "new, changed, as before, rejected",
            report { progress, _ in
                progress.rows.read = 490_102
                (progress.rows.created, progress.rows.updated, progress.rows.unchanged) = (120, 3, 489_967)
                progress.rows.rejected = 12
            },
            "490,090 products are in the catalogue: 120 new, 3 changed, 489,967 as before. 12 rows need your attention."
        ),
        (
            "one product",
            report { progress, _ in (progress.rows.read, progress.rows.created) = (1, 1) },
            "1 product is in the catalogue: 1 new."
        ),
        (
            "nothing changed",
            report { progress, _ in (progress.rows.read, progress.rows.unchanged) = (7, 7) },
            "All 7 products of this file are in the catalogue as before: nothing had to be changed."
        ),
        ("header alone", report(), "The file has a header and no rows, so nothing was changed."),
        (
            "all rejected",
            report { progress, _ in (progress.rows.read, progress.rows.rejected) = (1, 1) },
            "No row of the file could be used, so nothing was changed. 1 row needs your attention."
        ),
        (
            "preview",
            report(dryRun: true) { progress, _ in
                (progress.rows.read, progress.rows.created, progress.rows.updated) = (3, 2, 1)
            },
            "This was a preview: nothing was changed. An import would leave 3 products in the catalogue: 2 new, 1 changed."
        ),
        (
            "failed",
            report(.failed) { progress, _ in progress.error = ImportFailure(.empty, "The file is empty.") },
            "This file was not imported, and nothing was changed. The file is empty."
        ),
        ("cancelled", report(.cancelled), "This import was cancelled before it was done, and nothing was changed."),
        (
            "a warning",
            report { progress, _ in
                (progress.rows.read, progress.rows.created) = (2, 2)
                progress.warnings = [ImportWarning(.doubleEncoded, "…", count: 1, lines: [2])]
            },
            "2 products are in the catalogue: 2 new. There is one warning: something in the file looks damaged."
        ),
    ]

    @Test(arguments: sentences.indices)
    func saysWhatHappenedFirst(index: Int) {
        let (name, report, sentence) = ReportPageTests.sentences[index]
        #expect(report.sentence == sentence, "\(name)")
        let html = ReportPage.html(report)
        #expect(html.contains("<p class=\"sentence\">\(HTML(escaping: sentence).text)</p>"))
        expectWellFormed(html)
    }

    @Test func repairedRejectsAreSaid() {
        var report = ReportPageTests.report { progress, _ in
            (progress.rows.read, progress.rows.created, progress.rows.rejected) = (14, 2, 12)
        }
        report.facts?.repairs = [
            .init(id: "x", file: "rejects.csv", read: 9, rejected: 1, finished: "1970-01-01T00:00:01.000Z")
        ]
        report.openRejects = 4
        #expect(report.sentence.hasSuffix("4 of the 12 rejected rows still need your attention."))
        #expect(ReportPage.html(report).contains("4 rows of 12 are still open."))
        report.openRejects = 0
        #expect(report.sentence.hasSuffix("The 12 rows that were rejected have been repaired since."))
        let html = ReportPage.html(report)
        #expect(html.contains("All 12 rejected rows have come back") && html.contains("nothing left to do"))
        #expect(!html.contains("drop it into the inbox"))
    }

    // MARK: What is foreign

    /// The compiler does not take them in a literal.
    static let noncharacters = String(
        String.UnicodeScalarView([0xFFFE, 0xFFFF, 0x1FFFF, 0xFDD0].map { Unicode.Scalar($0)! }))

    static let hostileNames: [(String, FileName)] = [
        ("a tag", FileName("<script>alert(1)</script>.csv")),
        ("quotes", FileName("\"'><img src=x onerror=alert(1)>.csv")),
        ("an escape sequence", FileName("\u{1B}[31mred\u{1B}[0m.csv")),
        ("marks of direction", FileName("\u{202E}vsc.gnp\u{2066}.csv")),
        ("line breaks", FileName("a\r\n\u{2028}b.csv")),
        ("no UTF-8", FileName(bytes: [0xFF, 0xFE, 0x3C, 0x62, 0x3E] + Array(".csv".utf8))),
        ("255 bytes", FileName(String(repeating: "<", count: 251) + ".csv")),
        ("noncharacters", FileName(noncharacters + ".csv")),
    ]

    @Test(arguments: hostileNames.indices)
    func foreignTextDoesNothing(index: Int) {
        let (name, file) = ReportPageTests.hostileNames[index]
        let text = file.description
        let report = ReportPageTests.report(file: file) { progress, facts in
            progress.rows.read = 3
            (progress.rows.created, progress.rows.updated, progress.rows.rejected) = (1, 1, 1)
            progress.files.source = "\(progress.id!)/\(text)"
            progress.message = text
            progress.format = .init(encoding: text, delimiter: text, columns: ["sku": text], ignoredColumns: [text])
            progress.warnings = ImportWarning.Code.allCases.map { ImportWarning($0, text, count: 1, lines: [2]) }
            facts = ReportPageTests.facts(text, times: 1)
        }
        for html in [
            ReportPage.html(report),
            IndexPage.html(
                [report.progress], older: [IndexPage.line(report.progress)], inbox: ReportPageTests.notes(file)),
        ] {
            expectWellFormed(html, "\(name)")
            #expect(!html.contains("<script") && !html.contains("<img"), "\(name)")
            let hasControls = html.unicodeScalars.contains {
                $0 != "\n" && ($0.properties.generalCategory == .control || $0.properties.generalCategory == .format)
            }
            #expect(!hasControls, "\(name)")
        }
    }

    static func notes(_ file: FileName) -> InboxNotes {
        InboxNotes(
            waiting: [
                .init(file: file, dryRun: true, reason: file.description, since: Date(), isRefused: false),
                .init(file: file, dryRun: false, reason: file.description, since: Date(), isRefused: true),
            ], ignored: [file.description])
    }

    static func facts(_ text: String, times: Int) -> ImportFacts {
        var facts = ImportFacts()
        let row = ImportFacts.RejectGroup.Row(line: 2, column: text, value: text)
        facts.rejects = RejectionCode.allCases.map {
            .init(code: $0.rawValue, count: 1_000_000, message: text, rows: Array(repeating: row, count: min(times, 5)))
        }
        facts.repeated = Array(repeating: .init(sku: shortened(text, to: 80), count: 3, line: 7), count: min(times, 10))
        let cut = shortened(text, to: 120)
        let fields = ["sku", "name", "description", "active"].map {
            ImportFacts.Changes.Field(field: $0, old: cut, new: cut)
        }
        facts.changes = .init(
            fields: ["sku": 1, "name": 1],
            sample: Array(repeating: .init(sku: cut, line: 3, fields: fields), count: min(times, 20)))
        facts.header = .init(
            line: 1, lineEnd: "CRLF",
            columns: Array(repeating: .init(name: shortened(text, to: 60), meaning: nil), count: min(times, 50)),
            count: 1 + times)
        facts.excerpt = .init(
            line: 2, column: 1,
            lines: (1...5).map { .init(number: $0, text: shortened(text, to: 200), isCut: true) })
        facts.versions = .init(program: text, schema: 3, postgres: text)
        return facts
    }

    @Test(arguments: ["x", "\"", "&", "\u{202E}", "\u{E0041}", "é", noncharacters])
    func staysSmallWhateverTheFile(character: String) {
        let text = String(repeating: character, count: 2000)
        for state in [ImportProgress.State.completed, .failed] {
            let report = ReportPageTests.report(state, file: FileName(String(text.prefix(60)))) { progress, facts in
                progress.rows.read = 3_000_000
                progress.rows.rejected = 2_000_000
                progress.rows.duplicates = 500_000
                progress.rows.updated = 500_000
                progress.error = state == .failed ? ImportFailure(.unterminatedQuote, text, line: 2) : nil
                progress.format = .init(encoding: "UTF-8", delimiter: ",", columns: [:], ignoredColumns: [])
                progress.warnings = ImportWarning.Code.allCases.map {
                    ImportWarning($0, shortened(text, to: 600), count: 9, lines: [2, 3])
                }
                facts = ReportPageTests.facts(text, times: 1000)
            }
            let html = ReportPage.html(report)
            #expect(html.utf8.count < ReportPage.maximumSize, "\(state) \(character): \(html.utf8.count)")
        }
    }

    // MARK: Sections

    @Test func countsAddUp() {
        let html = ReportPage.html(
            ReportPageTests.report { progress, _ in
                progress.rows.read = 1_000_000
                (progress.rows.created, progress.rows.rejected) = (999_999, 1)
            })
        // The smallest part is seen, and the strip is as wide as it was drawn.
        let widths = html.matches(of: /class="part-\w+" x="([0-9.]+)" y="0" width="([0-9.]+)"/)
        #expect(widths.count == 2)
        #expect(widths.last.map { Double($0.1)! + Double($0.2)! } == 1000)
        #expect(widths.allSatisfy { Double($0.2)! >= 6 })
        #expect(html.contains("&lt; 0.1 %") && html.contains("&gt; 99.9 %"))
    }

    @Test func aPreviewsRejectsAreMendedInTheFile() {
        let html = ReportPage.html(
            ReportPageTests.report(dryRun: true) { progress, facts in
                (progress.rows.read, progress.rows.rejected) = (9, 1)
                facts.rejects = [
                    .init(
                        code: "bad_quoting", count: 2, message: "…",
                        rows: [.init(line: 3, column: nil, value: "A,x"), .init(line: 4, column: nil, value: "")])
                ]
            })
        #expect(html.contains("Mend these rows in the file itself") && !html.contains("drop it into the inbox"))
        #expect(html.contains("the whole row") && html.contains("<code>A,x</code>") && !html.contains(">empty<"))
    }

    @Test(arguments: [
        ([1, 1, 1], ["33.4 %", "33.3 %", "33.3 %"]), ([3, 1, 0], ["75 %", "25 %", "0 %"]), ([], []), ([0], ["0 %"]),
        ([335, 335, 330], ["33.5 %", "33.5 %", "33 %"]), ([1, 9999], ["< 0.1 %", "> 99.9 %"]),
    ])
    func percentagesAddUp(parts: [Int], shown: [String]) { #expect(ReportWords.percents(parts) == shown) }

    @Test func aFailureSaysWhatWhereAndHow() {
        let html = ReportPage.html(
            ReportPageTests.report(.failed) { progress, facts in
                progress.error = ImportFailure(.unterminatedQuote, "A quote is never closed.", line: 3)
                facts.excerpt = .init(
                    line: 3, column: 3, lines: [.init(number: 3, text: "B,\"Cup", isCut: false)])
            })
        #expect(html.contains("Line 3, character 3"))
        #expect(html.contains("B,<mark>&quot;</mark>Cup"))
        #expect(html.contains("If the file ends too early, send it again."))
        #expect(html.contains("a file is imported whole or not at all"))
    }

    @Test func withoutFactsTheReportTellsWhatIsKnown() {
        var report = ReportPageTests.report { progress, _ in (progress.rows.read, progress.rows.rejected) = (9, 9) }
        report.facts = nil
        let html = ReportPage.html(report)
        expectWellFormed(html)
        #expect(html.contains("Rejected rows"))
    }

    @Test func everyCodeHasWords() {
        for code in RejectionCode.allCases {
            #expect(ReportWords.title(reject: code.rawValue) != code.rawValue)
            #expect(!ReportWords.advice(reject: code.rawValue).contains("_"))
        }
    }

    @Test(arguments: [
        (0.000_4, "0.4 ms"), (0.0123, "12 ms"), (0.5, "0.50 s"), (12.345, "12.3 s"), (125, "2 min 5 s"),
    ])
    func timesAreForPeople(seconds: Double, words: String) { #expect(ReportWords.seconds(seconds) == words) }

    @Test(arguments: [(1, "1 byte"), (999, "999 bytes"), (1500, "1.5 kB"), (108_154_098, "108 MB")])
    func sizesAreForPeople(bytes: Int, words: String) { #expect(ReportWords.size(bytes) == words) }
}

/// Every element is closed in order, attributes are quoted, and ids are not needed twice.
func expectWellFormed(_ html: String, _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
    var open: [Substring] = []
    let void: Set<Substring> = ["meta", "br", "!doctype"]
    for tag in html.matches(of: /<(\/?)([!a-zA-Z0-9]+)((?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*)\s*(\/?)>/) {
        if tag.1 == "/" {
            let last = open.popLast()
            #expect(
                last == tag.2, "\(comment): </\(tag.2)> closes \(last ?? "nothing")", sourceLocation: sourceLocation)
        } else if !void.contains(tag.2) {
            open.append(tag.2)
        }
    }
    #expect(open.isEmpty, "\(comment): \(open) is left open", sourceLocation: sourceLocation)
    let tags = html.matches(of: /<(\/?)([!a-zA-Z0-9]+)((?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*)\s*(\/?)>/).count
    let brackets = html.utf8.count { $0 == UInt8(ascii: "<") }
    #expect(tags == brackets, "\(comment): a bracket is no tag", sourceLocation: sourceLocation)
}
