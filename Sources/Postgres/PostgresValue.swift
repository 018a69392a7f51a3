package import FoundationEssentials

/// A value that can be sent as a parameter.
package protocol PostgresEncodable {
    var postgresParameter: Parameter { get }
}

/// A value that can be read from a column, in binary format.
package protocol PostgresDecodable {
    init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError)
}

extension PostgresError {
    static func undecodable(_ type: Any.Type, _ count: Int) -> PostgresError {
        PostgresError(sqlState: "22000", message: "a column of \(count) bytes cannot be read as \(type)")
    }
}

extension Int: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter { Parameter(type: .int8, bytes: bigEndianBytes(Int64(self))) }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        switch bytes.count {
        case 2: self = Int(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        case 4: self = Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 8: self = Int(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        default: throw .undecodable(Int.self, bytes.count)
        }
    }
}

extension Bool: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter { Parameter(type: .bool, bytes: [self ? 1 : 0]) }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        guard bytes.count == 1 else { throw .undecodable(Bool.self, bytes.count) }
        self = bytes[0] != 0
    }
}

extension Double: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter {
        Parameter(type: .float8, bytes: bigEndianBytes(bitPattern))
    }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        guard bytes.count == 8 else { throw .undecodable(Double.self, bytes.count) }
        self.init(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
    }
}

extension String: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter { Parameter(type: .text, bytes: Array(utf8)) }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        self = String(decoding: bytes, as: UTF8.self)
    }
}

extension [UInt8]: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter { Parameter(type: .bytea, bytes: self) }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        self = Array(bytes)
    }
}

extension UUID: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter {
        Parameter(type: .uuid, bytes: withUnsafeBytes(of: uuid) { Array($0) })
    }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        guard bytes.count == 16 else { throw .undecodable(UUID.self, bytes.count) }
        self.init(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

/// What PostgreSQL cannot hold becomes its `infinity`, which has no date and cannot be read back.
extension Date: PostgresEncodable, PostgresDecodable {
    /// PostgreSQL counts microseconds from 2000-01-01 UTC, a leap year before Foundation's reference date.
    private static let epoch = -31_622_400.0

    package var postgresParameter: Parameter {
        let microseconds = ((timeIntervalSinceReferenceDate - Date.epoch) * 1_000_000).rounded()
        let infinity = microseconds < 0 ? Int64.min : Int64.max
        return Parameter(type: .timestamptz, bytes: bigEndianBytes(Int64(exactly: microseconds) ?? infinity))
    }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        guard bytes.count == 8 else { throw .undecodable(Date.self, bytes.count) }
        let microseconds = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        guard microseconds != .max, microseconds != .min else {
            throw PostgresError(sqlState: "22008", message: "an infinite timestamp cannot be read as a date")
        }
        self.init(timeIntervalSinceReferenceDate: Double(microseconds) / 1_000_000 + Date.epoch)
    }
}

func bigEndianBytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// Builds a one-dimensional array in PostgreSQL's binary format, element by element, in one buffer.
package struct ArrayParameter {
    private let type: PostgresType
    private var bytes: [UInt8] = []
    package private(set) var count = 0

    /// The text of elements may be any valid UTF-8.
    package static func text() -> ArrayParameter { ArrayParameter(type: .textArray, element: .text) }
    package static func int8() -> ArrayParameter { ArrayParameter(type: .int8Array, element: .int8) }
    package static func bool() -> ArrayParameter { ArrayParameter(type: .boolArray, element: .bool) }

    private init(type: PostgresType, element: PostgresType) {
        self.type = type
        // dimensions, has nulls, element type, length (filled in at the end), lower bound
        for word in [1, 1, Int32(element.oid), 0, 1] { bytes += bigEndianBytes(word) }
    }

    /// Bytes held so far: batches are cut by it.
    package var size: Int { bytes.count }

    package mutating func append(_ element: UnsafeRawBufferPointer) {
        bytes += bigEndianBytes(Int32(element.count))
        bytes += element
        count += 1
    }

    package mutating func append(_ value: Int) {
        bytes += bigEndianBytes(Int32(8))
        bytes += bigEndianBytes(Int64(value))
        count += 1
    }

    package mutating func append(_ value: Bool?) {
        if let value {
            bytes += bigEndianBytes(Int32(1))
            bytes.append(value ? 1 : 0)
        } else {
            bytes += bigEndianBytes(Int32(-1))
        }
        count += 1
    }

    package mutating func append(_ value: String) {
        var value = value
        value.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    package var parameter: Parameter {
        var finished = bytes
        finished.replaceSubrange(12..<16, with: bigEndianBytes(Int32(count)))
        return Parameter(type: type, bytes: finished)
    }
}
