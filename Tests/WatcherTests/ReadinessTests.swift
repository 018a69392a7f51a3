import Catalog
import Glibc
import Testing

@testable import Watcher

@Suite struct ReadinessTests {
    // MARK: Names

    @Test(arguments: [
        ("a.csv", DropName.csv), ("A.CSV", .csv), ("a.b.CsV", .csv), ("~.csv", .csv), ("a.csv ", .other),
        (".csv", .unfinished), (".a.csv", .unfinished), ("a.csv.part", .unfinished), ("a.csv.FilePart", .unfinished),
        ("a.tmp", .unfinished), ("a.partial", .unfinished), ("a.csv.crdownload", .unfinished), (".a.swp", .unfinished),
        ("a.swp", .unfinished), ("a.csv~", .unfinished), ("a.xlsx", .other), ("csv", .other), ("a.csv.gz", .other),
        ("acsv", .other),
    ]) func namesTellWhatIsOurs(name: String, expected: DropName) {
        #expect(DropName(FileName(name)) == expected)
    }

    // MARK: Decisions

    private let start = ContinuousClock.now

    /// Looks at seconds after the start, and gives the last decision in short.
    private func decide(_ looks: (Double, FileProbe, movedIn: Bool)...) -> String {
        var readiness = Readiness(settle: .seconds(2))
        var last = Readiness.Decision.gone
        for (second, probe, movedIn) in looks {
            last = readiness.decide(probe, movedIn: movedIn, now: start + .seconds(second))
        }
        switch last {
        case .ready: return "ready"
        case .gone: return "gone"
        case .refuse: return "refused"
        case .wait(_, nil): return "waits"
        case .wait(_, let again?): return "waits until \(Int(((again - start) / .milliseconds(100)).rounded()))"
        }
    }

    private func file(_ size: Int, _ writer: FileProbe.Writer, inode: UInt = 1, time: Int = 0) -> FileProbe {
        .regular(FileProbe.Fingerprint(inode: inode, size: size, modified: [time, 0]), writer)
    }

    @Test func aFileWithoutWritersIsReadyAtOnce() {
        #expect(decide((0, file(9, .none), false)) == "ready")
        #expect(decide((0, file(9, .some), false), (0.1, file(9, .none), false)) == "ready")
    }

    @Test func aFileWithAWriterWaitsHoweverLong() {
        #expect(decide((0, file(9, .some), false)) == "waits")
        #expect(decide((0, file(9, .some), false), (1000, file(9, .some), false)) == "waits")
        #expect(decide((0, file(9, .some), true)) == "waits")
    }

    @Test func anEmptyFileWaitsTheSettleTime() {
        #expect(decide((0, file(0, .none), false)) == "waits until 20")
        #expect(decide((0, file(0, .none), true)) == "waits until 20")
        #expect(decide((0, file(0, .none), false), (1.9, file(0, .none), false)) == "waits until 20")
        #expect(decide((0, file(0, .none), false), (2, file(0, .none), false)) == "ready")
        #expect(decide((0, file(0, .unknown), true), (2, file(0, .unknown), false)) == "ready")
        #expect(decide((0, file(0, .none), false), (1, file(5, .none), false)) == "ready")
    }

    @Test func whereTheKernelCannotTellAFileMustBeQuiet() {
        #expect(decide((0, file(9, .unknown), false)) == "waits until 20")
        #expect(decide((0, file(9, .unknown), false), (1, file(10, .unknown), false)) == "waits until 30")
        #expect(decide((0, file(9, .unknown), false), (1, file(9, .unknown, time: 1), false)) == "waits until 30")
        #expect(decide((0, file(9, .unknown), false), (1, file(9, .unknown, inode: 2), false)) == "waits until 30")
        #expect(decide((0, file(9, .unknown), false), (2, file(9, .unknown), false)) == "ready")
    }

    @Test func whatIsMovedInIsWhole() {
        #expect(decide((0, file(9, .unknown), true)) == "ready")
        // The event comes after a scan has seen the file.
        #expect(decide((0, file(9, .unknown), false), (0.1, file(9, .unknown), true)) == "ready")
        // Written to after it was moved.
        #expect(decide((0, file(9, .unknown), true), (1, file(10, .unknown), false)) == "waits until 30")
    }

    @Test func aSecondNameIsRefusedUnlessItGoesAway() {
        let linked = FileProbe.linked(.init(inode: 1, size: 9, modified: [0, 0]), names: 2)
        #expect(decide((0, linked, false)) == "waits until 20")
        #expect(decide((0, linked, false), (2, linked, false)) == "refused")
        #expect(decide((0, linked, false), (1, file(9, .none), false)) == "ready")
    }

    @Test func otherThingsAreRefusedAndTroubleIsWaitedFor() {
        #expect(decide((0, .notRegular("a folder", inode: 1, changed: []), false)) == "refused")
        #expect(decide((0, .unreadable(EACCES), false)) == "waits")
        #expect(decide((0, .unreadable(EMFILE), false)) == "waits")
        #expect(decide((0, file(9, .some), false), (1, .gone, false)) == "gone")
    }

    @Test func reasonsSayWhatToDo() {
        var readiness = Readiness(settle: .seconds(0.5))
        guard case .wait(let reason, _) = readiness.decide(file(9, .unknown), now: start) else {
            return #expect(Bool(false), "it must wait")
        }
        #expect(reason.hasSuffix("until it has not changed for 0.5 seconds."))
        guard case .wait(let reason, _) = readiness.decide(.unreadable(EACCES), now: start) else {
            return #expect(Bool(false), "it must wait")
        }
        #expect(reason.contains("chmod"))
    }
}
