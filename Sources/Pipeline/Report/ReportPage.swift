internal import Catalog
internal import FoundationEssentials

/// `report.html`: one page without scripts, pictures or anything from elsewhere, so that it can be opened from a folder,
/// sent by mail and printed.
///
/// Whatever the file, it stays below `maximumSize`: texts are cut, lists show their first rows.
package enum ReportPage {
    package static let maximumSize = 300_000
    package static let fileName = "report.html"

    package static func html(_ report: ImportReport) -> String {
        let progress = report.progress
        let name = HTML(cutting: progress.file, to: 255)
        let body: HTML = """
            <h1 class="file"><bdi>\(name)</bdi></h1>
            <p class="head">\(pill(progress))\(progress.dryRun ? " <span class=\"tag\">Preview</span>" : "" as HTML) \
            <span class="when">\(when(progress))</span></p>
            <p class="sentence">\(report.sentence)</p>
            \(links(report))
            \(sections(report))
            """
        return page(
            title: "\(name) · \(ReportWords.state(progress.state)) · Product Importer",
            navigation: "<a href=\"../index.html\">All imports</a>", body: body)
    }

    /// A whole page in the frame that all our pages have.
    static func page(title: HTML, navigation: HTML, body: HTML) -> String {
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>\(title)</title>
            <style>\(ReportStyle.sheet)</style>
            </head>
            <body>
            <header><div class="frame"><span class="product">Product Importer</span><nav aria-label="Pages">\(navigation)</nav></div></header>
            <main class="frame">
            \(body)
            </main>
            </body>
            </html>

            """
        return page.text
    }

    private static func sections(_ report: ImportReport) -> [HTML] {
        [
            failure(report), counts(report), repairs(report), warnings(report), rejects(report), changes(report),
            repeated(report), reading(report), times(report), origin(report),
        ]
    }

    static func section(_ title: HTML, _ content: HTML) -> HTML {
        "<section><h2>\(title)</h2>\n\(content)</section>\n"
    }

    static func pill(_ progress: ImportProgress) -> HTML {
        "<span class=\"pill\" data-state=\"\(progress.state.rawValue)\">\(ReportWords.state(progress.state))</span>"
    }

    static func when(_ progress: ImportProgress) -> HTML {
        let stamp = ImportProgress.timestamp(progress.finishedAt ?? progress.receivedAt)
        return "<time datetime=\"\(stamp)\">\(ReportWords.time(stamp))</time>"
    }

    private static func links(_ report: ImportReport) -> HTML {
        let files = report.progress.files
        let links: [(String?, String)] = [
            (files.rejects, "Rejected rows (rejects.csv)"), (files.errors, "Reasons (errors.csv)"),
            (files.source, "The file as dropped"), ("./progress.json", "Numbers for programs (progress.json)"),
        ]
        let items = links.compactMap { path, words -> HTML? in
            guard let path, let name = path.split(separator: "/", omittingEmptySubsequences: false).last else {
                return nil
            }
            return "<li><a href=\"./\(percentEncoded(String(name)))\">\(words)</a></li>"
        }
        return "<ul class=\"links\">\(items)</ul>"
    }

    /// RFC 3986: everything but unreserved characters.
    static func percentEncoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        var encoded = String.UnicodeScalarView()
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(Unicode.Scalar(byte))
            default: encoded.append(contentsOf: ["%", digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return String(encoded)
    }
}

/// The stylesheet of reports: what they share with the admin pages, and what is their own.
package enum ReportStyle {
    static let sheet = HTML(
        stringLiteral: String(
            decoding: minified(PackageResources.base_css) + minified(PackageResources.report_css), as: UTF8.self))

    /// What all pages share, for the admin server's stylesheet.
    package static var base: [UInt8] { PackageResources.base_css }

    /// Without comments and indentation: the sheet is in every report. By bytes, for it is done at every start.
    private static func minified(_ sheet: [UInt8]) -> [UInt8] {
        let (slash, star) = (UInt8(ascii: "/"), UInt8(ascii: "*"))
        var result: [UInt8] = []
        result.reserveCapacity(sheet.count)
        var isComment = false
        for (index, byte) in sheet.enumerated() {
            let next = index + 1 < sheet.count ? sheet[index + 1] : 0
            if isComment {
                isComment = !(byte == slash && sheet[index - 1] == star)
            } else if byte == slash, next == star {
                isComment = true
            } else if result.last ?? ASCII.lineFeed != ASCII.lineFeed || byte != ASCII.space && byte != ASCII.lineFeed {
                result.append(byte)
            }
        }
        return result
    }
}
