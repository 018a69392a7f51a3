package import Catalog
internal import FoundationEssentials

/// What a report tells beside the progress object: gathered while the import runs, and kept with it, so that its report
/// can be written again.
package struct ImportFacts: Codable, Equatable, Sendable {
    /// The header as it was found.
    package struct Header: Codable, Equatable, Sendable {
        package struct Column: Codable, Equatable, Sendable {
            package var name: String
            /// The known column that it is; nil when it is not imported.
            package var meaning: String?

            package init(name: String, meaning: String?) {
                self.name = name
                self.meaning = meaning
            }
        }

        package var line: Int
        package var lineEnd: String
        /// The first of them.
        package var columns: [Column]
        package var count: Int

        package init(line: Int, lineEnd: String, columns: [Column], count: Int) {
            self.line = line
            self.lineEnd = lineEnd
            self.columns = columns
            self.count = count
        }
    }

    /// The rows that were rejected for one reason.
    package struct RejectGroup: Codable, Equatable, Sendable {
        package struct Row: Codable, Equatable, Sendable {
            package var line: Int
            package var column: String?
            package var value: String

            package init(line: Int, column: String?, value: String) {
                self.line = line
                self.column = column
                self.value = value
            }
        }

        package var code: String
        package var count: Int
        /// Of the first row: what is wrong and what to do.
        package var message: String
        package var rows: [Row]

        package init(code: String, count: Int, message: String, rows: [Row]) {
            self.code = code
            self.count = count
            self.message = message
            self.rows = rows
        }
    }

    /// A SKU that is in the file several times, as the database folds it.
    package struct RepeatedSKU: Codable, Equatable, Sendable {
        package var sku: String
        package var count: Int
        /// The last one: it counts.
        package var line: Int

        package init(sku: String, count: Int, line: Int) {
            self.sku = sku
            self.count = count
            self.line = line
        }
    }

    /// What the changed products differ in.
    package struct Changes: Codable, Equatable, Sendable {
        package struct Field: Codable, Equatable, Sendable {
            package var field: String
            package var old: String
            package var new: String

            package init(field: String, old: String, new: String) {
                self.field = field
                self.old = old
                self.new = new
            }
        }

        package struct Product: Codable, Equatable, Sendable {
            package var sku: String
            package var line: Int
            package var fields: [Field]

            package init(sku: String, line: Int, fields: [Field]) {
                self.sku = sku
                self.line = line
                self.fields = fields
            }
        }

        /// How many products differ in each field.
        package var fields: [String: Int]
        package var sample: [Product]

        package init(fields: [String: Int], sample: [Product]) {
            self.fields = fields
            self.sample = sample
        }
    }

    /// The text around the place where a file could not be read any further.
    package struct Excerpt: Codable, Equatable, Sendable {
        package struct Line: Codable, Equatable, Sendable {
            package var number: Int
            package var text: String
            package var isCut: Bool

            package init(number: Int, text: String, isCut: Bool) {
                self.number = number
                self.text = text
                self.isCut = isCut
            }
        }

        package var line: Int
        /// The character in that line, from 1, where it is known.
        package var column: Int?
        package var lines: [Line]

        package init(line: Int, column: Int?, lines: [Line]) {
            self.line = line
            self.column = column
            self.lines = lines
        }
    }

    package struct Versions: Codable, Equatable, Sendable {
        package var program: String
        package var schema: Int
        package var postgres: String

        package init(program: String, schema: Int, postgres: String) {
            self.program = program
            self.schema = schema
            self.postgres = postgres
        }
    }

    /// The catalogue as a preview found it, to notice later that it has changed.
    package typealias Catalogue = CatalogueMark

    package var header: Header?
    package var rejects: [RejectGroup] = []
    package var repeated: [RepeatedSKU] = []
    package var changes: Changes?
    package var excerpt: Excerpt?
    package var versions: Versions?
    package var catalogue: Catalogue?
    /// Imports of its mended rejects, in the order in which they ended.
    package var repairs: [ImportReport.Repair] = []

    package init() {}

    /// The name in the work folder's results, and in the import's folder.
    static let fileName = "facts.json"

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    init?(json: [UInt8]) {
        guard let facts = try? JSONDecoder().decode(ImportFacts.self, from: Data(json)) else { return nil }
        self = facts
    }
}

/// Texts of the file are shown, not restored: long ones are cut.
func shortened(_ text: String, to limit: Int) -> String {
    let scalars = text.unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
        end < scalars.endIndex
    else { return text }
    return String(scalars[..<end]) + "…"
}
