/// A statement whose interpolated values become parameters, never text: `"SELECT … WHERE id = \(id)"`. Statements nest:
/// `"SELECT … WHERE \(condition)"`, with the parameters of both.
package struct SQL: ExpressibleByStringInterpolation, Sendable {
    /// The text between the parameters: one piece more than there are parameters.
    fileprivate let pieces: [String]
    let parameters: [Parameter]

    /// SQL that cannot take parameters, such as the name of a database to be made; for our own words only.
    package init(verbatim text: String) { self.init(stringLiteral: text) }

    package init(stringLiteral text: String) {
        self.pieces = [text]
        self.parameters = []
    }

    package init(stringInterpolation: StringInterpolation) {
        self.pieces = stringInterpolation.pieces
        self.parameters = stringInterpolation.parameters
    }

    /// As the server wants it: `… $1 … $2 …`.
    var text: String {
        var text = pieces[0]
        for (number, piece) in pieces.dropFirst().enumerated() { text += "$\(number + 1)\(piece)" }
        return text
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var pieces = [""]
        var parameters: [Parameter] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            pieces.reserveCapacity(interpolationCount + 1)
        }

        package mutating func appendLiteral(_ literal: String) { pieces[pieces.count - 1] += literal }

        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            append(value.postgresParameter)
        }

        package mutating func appendInterpolation(_ value: (some PostgresEncodable)?, as type: PostgresType) {
            append(value?.postgresParameter ?? Parameter(type: type, bytes: nil))
        }

        package mutating func appendInterpolation(_ parameter: Parameter) { append(parameter) }

        /// A piece of our own SQL, with its own parameters; only literals can make one.
        package mutating func appendInterpolation(_ other: SQL) {
            pieces[pieces.count - 1] += other.pieces[0]
            pieces += other.pieces.dropFirst()
            parameters += other.parameters
        }

        private mutating func append(_ parameter: Parameter) {
            parameters.append(parameter)
            pieces.append("")
        }
    }
}

extension [SQL] {
    /// All of these conditions; true when there are none.
    package var conjunction: SQL {
        guard let first else { return "true" }
        return dropFirst().reduce("(\(first))") { "\($0) AND (\($1))" }
    }
}

/// The types we send, by their object ids in `pg_type`.
package struct PostgresType: Sendable, Equatable {
    let oid: UInt32
    package static let bool = PostgresType(oid: 16)
    package static let bytea = PostgresType(oid: 17)
    package static let int8 = PostgresType(oid: 20)
    package static let text = PostgresType(oid: 25)
    package static let json = PostgresType(oid: 114)
    package static let uuid = PostgresType(oid: 2950)
    package static let timestamptz = PostgresType(oid: 1184)
    package static let float8 = PostgresType(oid: 701)
    package static let boolArray = PostgresType(oid: 1000)
    package static let int8Array = PostgresType(oid: 1016)
    package static let textArray = PostgresType(oid: 1009)
}

/// One value in PostgreSQL's binary format; `bytes` nil is NULL.
package struct Parameter: Sendable {
    let type: PostgresType
    let bytes: [UInt8]?

    package init(type: PostgresType, bytes: [UInt8]?) {
        self.type = type
        self.bytes = bytes
    }
}
