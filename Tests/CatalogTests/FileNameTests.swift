import Catalog
import Testing

struct FileNameTests {
    @Test func bytesAreKeptAndShown() {
        let name = FileName(bytes: [0x61, 0xFF, 0x62, 0x2E, 0x63])
        #expect(name.bytes == [0x61, 0xFF, 0x62, 0x2E, 0x63])
        #expect(name.description == "a\u{FFFD}b.c")
        #expect(!name.isUTF8)
        #expect(name.cString.map { UInt8(bitPattern: $0) } == [0x61, 0xFF, 0x62, 0x2E, 0x63, 0])
    }

    /// Two spellings of é are two files on Linux, though Swift's `==` of strings says otherwise.
    @Test func namesAreComparedByTheirBytes() {
        #expect(FileName("caf\u{e9}.csv") != FileName("cafe\u{301}.csv"))
        #expect(FileName("a.csv") == FileName(bytes: Array("a.csv".utf8)))
        #expect(Set([FileName("\u{e9}"), FileName("e\u{301}"), FileName("\u{e9}")]).count == 2)
    }

    @Test(arguments: [
        ("plain.csv", false), ("line\nbreak.csv", true), ("tab\t.csv", true), ("bell\u{7}.csv", true),
        ("delete\u{7F}.csv", true), ("next\u{85}line.csv", true), ("é 😀.csv", false), ("a\u{202E}b.csv", false),
    ])
    func controlCharactersAreFound(text: String, expected: Bool) {
        #expect(FileName(text).hasControlCharacters == expected)
        #expect(FileName(text).isUTF8)
    }
}
