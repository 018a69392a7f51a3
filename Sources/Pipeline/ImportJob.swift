package import Catalog
package import FoundationEssentials

/// One drop that is to be imported.
package struct ImportJob: Sendable {
    package let id: ImportID
    package let file: FileName
    package let dryRun: Bool
    /// Where the file is, as path bytes ended by NUL.
    package let source: [CChar]
    /// A folder of this import's own on a disk with room: scratch files, and the rejects until they are filed.
    package let workFolder: String
    package let receivedAt: Date
    /// Which inbox the file was dropped into; nil when a command imports a file that stays where it is.
    package let inbox: UUID?

    package init(
        id: ImportID, file: FileName, dryRun: Bool, source: [CChar], workFolder: String, receivedAt: Date, inbox: UUID?
    ) {
        self.id = id
        self.file = file
        self.dryRun = dryRun
        self.source = source
        self.workFolder = workFolder
        self.receivedAt = receivedAt
        self.inbox = inbox
    }

    /// Whether the source is moved into the outbox at the end.
    package var filesSource: Bool { inbox != nil }
}
