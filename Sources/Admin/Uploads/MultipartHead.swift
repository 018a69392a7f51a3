/// The head of one part of a form: which field it is, and the name of the file if it is one. Names are bytes.
struct MultipartHead: Equatable {
    let name: [UInt8]
    let fileName: [UInt8]?

    init(name: [UInt8], fileName: [UInt8]?) {
        self.name = name
        self.fileName = fileName
    }

    /// nil when there is no `Content-Disposition` with a name.
    init?(_ bytes: Slice<UnsafeRawBufferPointer>) {
        let lines = Array(bytes).split(whereSeparator: { $0 == 0x0D || $0 == 0x0A })
        let field = Array("content-disposition:".utf8)
        guard let line = lines.first(where: { $0.prefix(field.count).map(lowered) == field }) else { return nil }
        var parameters = MultipartHead.parameters(line.dropFirst(field.count))
        guard let name = parameters.removeValue(forKey: "name") else { return nil }
        self.init(name: name, fileName: parameters["filename"])
    }

    /// `form-data; name="file"; filename="a.csv"`
    private static func parameters(_ line: ArraySlice<UInt8>) -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        var rest = line.drop { $0 != UInt8(ascii: ";") }
        while rest.popFirst() != nil {
            let key = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest[key.endIndex...]
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "=") {
                rest.removeFirst()
                value = takeValue(&rest)
            }
            let word = key.filter { $0 != 0x20 && $0 != 0x09 }.map(lowered)
            found[String(decoding: word, as: UTF8.self)] = decoded(value)
            rest = rest.drop { $0 != UInt8(ascii: ";") }
        }
        return found
    }

    /// A quoted string, or what stands before the next semicolon. A backslash is part of a name, as browsers send it,
    /// except before a quote.
    private static func takeValue(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        guard rest.first == UInt8(ascii: "\"") else {
            let value = rest.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 }
            rest = rest[value.endIndex...]
            return Array(value)
        }
        rest.removeFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "\"") {
                value.append(rest.removeFirst())
            } else {
                value.append(byte)
            }
        }
        return value
    }

    /// Undoes what browsers do to names: `"`, CR and LF are percent-encoded, and nothing else (HTML, "Multipart form
    /// data").
    private static func decoded(_ value: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var rest = value[...]
        while let byte = rest.popFirst() {
            let code = byte == UInt8(ascii: "%") ? String(decoding: rest.prefix(2), as: UTF8.self).uppercased() : ""
            if let original = ["22": UInt8(0x22), "0D": 0x0D, "0A": 0x0A][code] {
                output.append(original)
                rest.removeFirst(2)
            } else {
                output.append(byte)
            }
        }
        return output
    }
}

private func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
