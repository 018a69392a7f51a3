/// What a site sets about its inbox.
package struct InboxOptions: Sendable {
    /// `IMPORTER_INBOX`: the folder that is watched. Made if it is not there.
    package var inbox: String
    /// `IMPORTER_OUTBOX`: the folder of progress files and results. Made if it is not there.
    package var outbox: String
    /// `IMPORTER_SETTLE_SECONDS`: how long a file must be quiet where the kernel cannot tell whether it has writers.
    package var settleSeconds = 2.0
    /// `IMPORTER_SCAN_SECONDS`: the time between full scans of the inbox, which find what no event told of.
    package var scanSeconds = 5.0
    /// How often what a crash left behind is looked for.
    package var recoverySeconds = 30.0
    /// `IMPORTER_RETENTION_DAYS`: outbox folders of imports that ended longer ago are removed; 0 is never.
    package var retentionDays = 30
    /// How long the running import may take to finish once the program is to stop; then it is rolled back.
    package var drainSeconds = 8.0
    /// Where the import command makes its work folders, one per import and named by its id; nil for `.work` in the
    /// outbox. An import of the command that was interrupted between its commit and its filing is filed from there.
    package var commandWorkFolder: String?

    package init(inbox: String, outbox: String) {
        self.inbox = inbox
        self.outbox = outbox
    }
}
