internal import Catalog

/// What a name in the inbox says about the file, before anybody looks at the file.
enum DropName: Equatable {
    /// To be imported once it is whole.
    case csv
    /// Somebody is still at it: a hidden or half-transferred file, which its program renames when it is done.
    case unfinished
    /// Not ours: left where it is, and said once.
    case other

    private static let unfinishedEndings = [".part", ".filepart", ".tmp", ".partial", ".crdownload", ".swp", "~"]

    init(_ name: FileName) {
        if name.bytes.first == 0x2E || DropName.unfinishedEndings.contains(where: { name.ends(with: $0) }) {
            self = .unfinished
        } else {
            self = name.ends(with: ".csv") ? .csv : .other
        }
    }
}

extension FileName {
    /// Whether the name ends so, whatever the case of its ASCII letters. `ending` is in lower case.
    fileprivate func ends(with ending: String) -> Bool {
        let lowered = bytes.suffix(ending.utf8.count).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return lowered.elementsEqual(ending.utf8)
    }
}
