/// The name of a dropped file: data from outside, any bytes but NUL and `/`, at most what the file system allows.
package struct FileName: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    package init(_ text: String) { self.bytes = Array(text.utf8) }

    /// For people: bytes that are no UTF-8 show as U+FFFD.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// For paths: exactly these bytes, ended by NUL.
    package var cString: [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }

    package var isUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }
    package var hasControlCharacters: Bool {
        description.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}

/// As a list of bytes: a name need not be a text.
extension FileName: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(bytes: try decoder.singleValueContainer().decode([UInt8].self))
    }

    package func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(bytes)
    }
}
