import Catalog
import FoundationEssentials
import Testing

struct ImportIDTests {
    @Test func laysOutVersionSeven() {
        let time = Date(timeIntervalSince1970: 1_700_000_000.25)
        for _ in 0..<100 {
            let text = ImportID.mint(at: time).description
            #expect(text.hasPrefix("018bcfe5-68fa-7"), "\(text)")
            #expect(["8", "9", "a", "b"].contains(text[text.index(text.startIndex, offsetBy: 19)]), "\(text)")
        }
    }

    /// 12 bits below the millisecond: a quarter of a microsecond.
    @Test func keepsTheFractionOfAMillisecond() {
        let id = ImportID.mint(at: Date(timeIntervalSince1970: 1_700_000_000.2505))
        #expect(id.description.hasPrefix("018bcfe5-68fa-78"), "\(id)")
    }

    @Test func sortsByTime() {
        var ids: [ImportID] = []
        for step in 0..<1000 { ids.append(.mint(at: Date(timeIntervalSince1970: 1_700_000_000 + Double(step) / 1000))) }
        #expect(ids.shuffled().sorted() == ids)
    }

    @Test func neverRepeats() {
        let time = Date(timeIntervalSince1970: 1_700_000_000)
        #expect(Set((0..<10_000).map { _ in ImportID.mint(at: time) }).count == 10_000)
    }

    @Test func readsWhatItWrites() {
        let id = ImportID.mint()
        #expect(ImportID(id.description) == id)
    }

    @Test(arguments: [
        "", ".", "..", "018bcfe5", "018BCFE5-68FA-7800-8000-000000000000", "018bcfe568fa78008000000000000000",
        "{018bcfe5-68fa-7800-8000-000000000000}", " 018bcfe5-68fa-7800-8000-00000000000",
        "018bcfe5-68fa-7800-8000-00000000000/", "018bcfe5-68fa-7800-8000-00000000000g",
        "018bcfe568fa-7800-8000-0000-00000000", "018bcfe5-68fa-7800-8000-000000000000\0",
        "018bcfe5-68fa-7800-8000-0000000000\u{e9}", "../../../../../../../../../etc/passwd..",
    ])
    func refusesOddSpellings(text: String) {
        #expect(ImportID(text) == nil)
    }
}
