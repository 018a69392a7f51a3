package import Catalog

extension FileName {
    private static let maximum = 255
    private static let ending = Array(".csv".utf8)

    /// The name under which an upload is dropped into the inbox. What a browser says is data: it is kept as it is, but
    /// for what cannot be the name of a file (`/` and what stands before it, NUL), what the watcher would leave lying
    /// (a name that begins with a dot, or does not end in `.csv`), and what is too long.
    package init(upload name: some Collection<UInt8>) {
        var bytes = Array(name.split(separator: UInt8(ascii: "/")).last ?? []).filter { $0 != 0 }
        if bytes.isEmpty { bytes = Array("upload.csv".utf8) }
        if bytes[0] == UInt8(ascii: ".") { bytes.insert(UInt8(ascii: "_"), at: 0) }
        let lowered = bytes.suffix(4).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        if lowered != FileName.ending { bytes += FileName.ending }
        self = FileName.shortened(stem: bytes.dropLast(4), end: Array(bytes.suffix(4)))
    }

    /// `name.csv` as `name-2.csv`.
    func numbered(_ number: Int) -> FileName {
        FileName.shortened(stem: bytes.dropLast(4), end: Array("-\(number)".utf8) + bytes.suffix(4))
    }

    /// Cuts the stem where it must be cut, between characters.
    private static func shortened(stem: ArraySlice<UInt8>, end: [UInt8]) -> FileName {
        var stem = stem
        if stem.count > maximum - end.count {
            stem = stem.prefix(maximum - end.count + 1)
            while let last = stem.popLast(), last & 0xC0 == 0x80 {}
        }
        return FileName(bytes: stem + end)
    }
}
