/// A statement whose interpolated values become parameters, never text: `"SELECT … WHERE id = \(id)"`.
package struct SQL: ExpressibleByStringInterpolation, Sendable {
    let text: String
    let parameters: [Parameter]

    /// SQL that cannot take parameters, such as the name of a database to be made; for our own words only.
    package init(verbatim text: String) { self.init(stringLiteral: text) }

    package init(stringLiteral text: String) {
        self.text = text
        self.parameters = []
    }

    package init(stringInterpolation: StringInterpolation) {
        self.text = stringInterpolation.text
        self.parameters = stringInterpolation.parameters
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        var text = ""
        var parameters: [Parameter] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + 3 * interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            append(value.postgresParameter)
        }

        package mutating func appendInterpolation(_ value: (some PostgresEncodable)?, as type: PostgresType) {
            append(value?.postgresParameter ?? Parameter(type: type, bytes: nil))
        }

        package mutating func appendInterpolation(_ parameter: Parameter) { append(parameter) }

        /// A piece of our own SQL, with its own parameters; only literals can make one.
        package mutating func appendInterpolation(_ other: SQL) {
            precondition(other.parameters.isEmpty, "only plain SQL can be nested")
            text += other.text
        }

        private mutating func append(_ parameter: Parameter) {
            parameters.append(parameter)
            text += "$\(parameters.count)"
        }
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
