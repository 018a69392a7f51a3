import Catalog
import Foundation
import Testing

/// The progress object as contract §4 has it.
struct ImportProgressTests {
    private static let received = Date(timeIntervalSince1970: 1_795_458_011.123)

    private var waiting: ImportProgress {
        ImportProgress(
            id: nil, file: FileName("products.csv"), dryRun: false, state: .waiting, message: "Still being written",
            receivedAt: ImportProgressTests.received)
    }

    private var failed: ImportProgress {
        let id = ImportID("01975b5e-0000-7000-8000-000000000001")
        var progress = ImportProgress(
            id: id, file: FileName("a/b \"é\".csv"), dryRun: true, state: .failed, message: "No sku",
            receivedAt: ImportProgressTests.received)
        progress.percent = 100
        progress.stage = .parse
        (progress.bytes.done, progress.bytes.total) = (10, 108_154_098)
        progress.rows.read = 7
        progress.rows.rejected = 2
        progress.startedAt = ImportProgressTests.received + 1
        progress.updatedAt = ImportProgressTests.received + 2
        progress.finishedAt = ImportProgressTests.received + 2.001
        progress.secondsRemaining = 3.1
        progress.sha256 = "00ff"
        progress.error = ImportFailure(.missingColumn, "There is no sku column.", line: 1)
        progress.files.rejects = "ID/rejects.csv"
        progress.format = .init(encoding: "UTF-8", delimiter: ";", columns: ["sku": "Art. Nr"], ignoredColumns: ["x"])
        var plan = ImportProgress.Plan()
        plan.name = "copy"
        plan.seconds = ["load": 0.5]
        progress.plan = plan
        return progress
    }

    private func object(_ progress: ImportProgress) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: progress.json()) as? [String: Any])
    }

    @Test func everyKeyIsThereAndNullWhereNothingIsKnown() throws {
        let object = try object(waiting)
        let contract = [
            "schema", "id", "file", "dry_run", "state", "stage", "percent", "message", "bytes", "rows", "received_at",
            "started_at", "updated_at", "finished_at", "seconds_remaining", "sha256", "error", "files",
        ]
        #expect(Set(object.keys) == Set(contract + ["format", "plan", "warnings"]))
        for key in ["id", "started_at", "finished_at", "seconds_remaining", "sha256", "error", "format", "plan"] {
            #expect(object[key] is NSNull, "\(key)")
        }
        let files = try #require(object["files"] as? [String: Any])
        #expect(Set(files.keys) == ["report", "rejects", "errors", "source"])
        #expect(files.values.allSatisfy { $0 is NSNull })
        #expect(object["bytes"] as? [String: Int] == ["done": 0, "total": 0])
        #expect(
            object["rows"] as? [String: Int]
                == ["read": 0, "created": 0, "updated": 0, "unchanged": 0, "duplicates": 0, "rejected": 0])
        #expect(object["schema"] as? Int == 1)
        #expect(object["dry_run"] as? Bool == false)
        #expect(object["state"] as? String == "waiting")
        #expect(object["stage"] as? String == "parse")
        #expect(object["percent"] as? Int == 0)
    }

    @Test func whatIsKnownIsTold() throws {
        let object = try object(failed)
        #expect(object["id"] as? String == "01975b5e-0000-7000-8000-000000000001")
        #expect(object["file"] as? String == "a/b \"é\".csv")
        #expect(object["received_at"] as? String == "2026-11-23T18:20:11.123Z")
        #expect(object["started_at"] as? String == "2026-11-23T18:20:12.123Z")
        #expect(object["finished_at"] as? String == "2026-11-23T18:20:13.124Z")
        #expect(object["seconds_remaining"] as? Double == 3.1)
        let error = try #require(object["error"] as? [String: Any])
        #expect(error["code"] as? String == "missing_column")
        #expect(error["line"] as? Int == 1)
        #expect((object["files"] as? [String: Any])?["rejects"] as? String == "ID/rejects.csv")
        #expect((object["format"] as? [String: Any])?["ignored_columns"] as? [String] == ["x"])
        let text = try String(decoding: failed.json(), as: UTF8.self)
        #expect(text.contains(#""a/b \"é\".csv""#), "slashes are not escaped")
        #expect(!text.contains("\n"), "one line, for --json")
    }

    @Test func aLineThatIsNotKnownIsNull() throws {
        var progress = failed
        progress.error = ImportFailure(.empty, "Nothing in it.")
        let error = try #require(try object(progress)["error"] as? [String: Any])
        #expect(error["line"] is NSNull)
    }

    @Test func readingGivesBackWhatWasWritten() throws {
        for progress in [waiting, failed] {
            for pretty in [false, true] {
                let json = try progress.json(pretty: pretty)
                let back = try ImportProgress(json: json)
                #expect(try back.json(pretty: pretty) == json)
                #expect(back.rows == progress.rows && back.plan == progress.plan && back.format == progress.format)
                #expect(back.importID == progress.importID)
            }
        }
    }

    /// Reports are written from what was read back from the database: a time must not lose a millisecond each time.
    @Test func everyMillisecondSurvives() throws {
        for millisecond in 0..<1000 {
            var progress = waiting
            progress.receivedAt = Date(timeIntervalSince1970: 1_795_458_011 + Double(millisecond) / 1000)
            let digits = String(1000 + millisecond).dropFirst()
            let text = try #require(try object(progress)["received_at"] as? String)
            #expect(text == "2026-11-23T18:20:11.\(digits)Z")
            #expect(try ImportProgress(json: progress.json()).json() == progress.json())
        }
    }

    /// Other versions of this program may have written more.
    @Test func unknownKeysAreNoTrouble() throws {
        var object = try object(failed)
        object["news"] = ["a": 1]
        let back = try ImportProgress(json: JSONSerialization.data(withJSONObject: object))
        #expect(back.error == failed.error)
    }

    @Test func codesAndStatesAreSpelledAsInTheContract() {
        let codes: [ImportFailure.Code] = [
            .empty, .missingColumn, .duplicateColumn, .encoding, .unterminatedQuote, .tooManyRejects, .notRegular,
            .compressed, .fileMissing, .crashLoop, .internal,
        ]
        #expect(
            codes.map(\.rawValue) == [
                "empty", "missing_column", "duplicate_column", "encoding", "unterminated_quote", "too_many_rejects",
                "not_regular", "compressed", "file_missing", "crash_loop", "internal",
            ])
        #expect(ImportProgress.Stage.allCases.map(\.rawValue) == ["parse", "dedupe", "load", "finish"])
        let ends: [ImportProgress.State] = [.completed, .failed, .cancelled]
        let others: [ImportProgress.State] = [.waiting, .queued, .running]
        #expect(ends.allSatisfy(\.isEnd) && !others.contains(where: \.isEnd))
    }
}
