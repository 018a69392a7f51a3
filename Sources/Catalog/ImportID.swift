package import FoundationEssentials
package import Postgres

/// The id of one drop: a UUIDv7 (RFC 9562 §5.7), so that ids sort by the time of the claim. Written in lower case.
package struct ImportID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let uuid: UUID

    package init(uuid: UUID) { self.uuid = uuid }

    /// Reads the canonical form; nil for anything else, so that an id is always safe as the name of a folder.
    package init?(_ text: String) {
        guard text.utf8.count == 36, let uuid = UUID(uuidString: text) else { return nil }
        self.uuid = uuid
        guard description == text else { return nil }
    }

    /// Mints an id: 48 bits of milliseconds, 12 bits of the fraction of one, 62 random bits.
    package static func mint(at time: Date = Date()) -> ImportID {
        let milliseconds = time.timeIntervalSince1970 * 1000
        let whole = UInt64(milliseconds)
        let fraction = UInt64((milliseconds - Double(whole)) * 4096)
        let high = whole << 16 | 0x7000 | min(fraction, 0xFFF)
        let low = UInt64.random(in: 0...UInt64.max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        var bytes = uuid_t(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) { raw in
            raw.storeBytes(of: high.bigEndian, as: UInt64.self)
            raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return ImportID(uuid: UUID(uuid: bytes))
    }

    package var description: String { uuid.uuidString.lowercased() }
    package static func < (left: ImportID, right: ImportID) -> Bool { left.description < right.description }
}

extension ImportID: PostgresEncodable, PostgresDecodable {
    package var postgresParameter: Parameter { uuid.postgresParameter }

    package init(postgres bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        self.init(uuid: try UUID(postgres: bytes))
    }
}

extension ImportID: Codable {
    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = ImportID(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no import id"))
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(description)
    }
}
