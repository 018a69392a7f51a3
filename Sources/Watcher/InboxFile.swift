package import Catalog

/// A file in the inbox, by the folder it was dropped into and its name. Whatever is learnt about it is about that
/// name: another file may stand there the next moment.
package struct InboxFile: Hashable, Sendable {
    /// The two folders that people drop files into.
    package enum Folder: String, Hashable, Sendable, CaseIterable {
        /// The inbox itself: files are imported.
        case drops
        /// `preview/` in the inbox: a dry run.
        case preview
    }

    package let folder: Folder
    package let name: FileName

    package init(_ folder: Folder, _ name: FileName) {
        self.folder = folder
        self.name = name
    }

    package var dryRun: Bool { folder == .preview }
}
