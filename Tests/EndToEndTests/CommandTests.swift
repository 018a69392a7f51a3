import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// The program as scripts and people at a terminal see it: output, exit codes, folders.
@Suite(.serialized) struct CommandTests {
    private func with(_ body: (Program, TestDatabase) async throws -> Void) async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await withTemporaryFolder { folder in
                try await body(Program(folder: folder, database: database.conninfo), database)
            }
        }
    }

    private func write(_ program: Program, _ name: String, _ text: String) throws -> String {
        let path = "\(program.folder)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func importsFilesWhereTheyAre() async throws {
        try await with { program, database in
            let good = try write(program, "good.csv", "sku,name\nA,1\n,2\n")
            let bad = try write(program, "bad.csv", "name\nA\n")
            let one = try program.run("import", good, "--json")
            #expect(one.status == 0, "\(one.errors)")
            let progress = try object(one.output)
            #expect(progress["state"] as? String == "completed")
            #expect((progress["rows"] as? [String: Int])?["created"] == 1)
            #expect(FileManager.default.fileExists(atPath: good))
            let files = try #require(progress["files"] as? [String: Any])
            #expect(files["source"] is NSNull)
            #expect(
                FileManager.default.fileExists(atPath: "\(program.folder)/outbox/\(files["rejects"] as? String ?? "-")")
            )

            let both = try program.run("import", bad, good)
            #expect(both.status == 1)
            #expect(both.output.contains("bad.csv: failed"))
            #expect(both.output.contains("good.csv: completed: 0 created, 0 updated, 1 unchanged"), "\(both.output)")
            #expect(program.files(below: "var/work").isEmpty)
            #expect(try await database.value("SELECT count(*) FROM products") == 1)
        }
    }

    @Test func dryRunChangesNothing() async throws {
        try await with { program, database in
            let file = try write(program, "a.csv", "sku\nA\n")
            let dry = try program.run("import", "--dry-run", file)
            #expect(dry.status == 0)
            #expect(dry.output.contains("1 would be created"), "\(dry.output)")
            #expect(try await database.value("SELECT count(*) FROM products") == 0)
            #expect(FileManager.default.fileExists(atPath: "\(program.folder)/outbox/preview/a.csv.json"))
        }
    }

    @Test func followsAFileToItsEnd() async throws {
        try await with { program, _ in
            let watcher = try program.start("watch")
            defer { _ = watcher.stop() }
            try program.drop("good.csv", "sku\nA\n")
            _ = try await program.end(of: "good.csv")
            let good = try program.run("status", "good.csv", "--watch")
            #expect(good.status == 0)
            #expect(
                good.output.hasSuffix("good.csv: completed: 1 created, 0 updated, 0 unchanged.\n"), "\(good.output)")
            #expect(!good.output.contains("\u{1B}"))

            // One that comes while it is waited for.
            async let drop: Void = {
                try await Task.sleep(for: .milliseconds(600))
                try program.drop("late.csv", "name\nA\n")
            }()
            let late = try program.run("status", "late.csv", "--watch")
            try await drop
            #expect(late.status == 1)
            #expect(late.output.contains("late.csv: failed"), "\(late.output)")
        }
    }

    @Test func writesErrorsWithoutColoursWhereThereIsNoTerminal() async throws {
        try await with { program, _ in
            let result = try program.run("status", "nothing.csv")
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.errors.hasPrefix("product-importer: There is nothing about"), "\(result.errors)")
        }
    }

    @Test func hasTheExitCodesOfTheContract() async throws {
        try await with { program, _ in
            let file = try write(program, "a.csv", "sku\nA\n")
            #expect(try program.run("import", "\(program.folder)/missing.csv").status == 1)
            #expect(try program.run("import", program.folder).status == 1)
            #expect(try program.run("import").status == 2)
            #expect(try program.run("import", file, "--frobnicate").status == 2)
            #expect(try program.run("--help").status == 0)
            #expect(try program.run("--version").status == 0)
            let away = try program.run(
                "import", file, environment: ["DATABASE_URL": "postgresql://127.0.0.1:1/none?connect_timeout=2"])
            #expect(away.status == 75, "\(away.errors)")
            #expect(away.errors.contains("DATABASE_URL"))
        }
    }

    @Test(arguments: [
        ("IMPORTER_PORT", "many", "0 to 65535"), ("IMPORTER_SETTLE_SECONDS", "-1", "seconds"),
        ("IMPORTER_MAX_REJECT_PERCENT", "101", "0 to 100"), ("IMPORTER_LOG_LEVEL", "loud", "trace, debug"),
        ("IMPORTER_HOST", "0.0.0.0", "IMPORTER_ADMIN_PASSWORD"), ("DATABASE_URL", "nonsense://x", "postgresql://"),
        ("IMPORTER_RETENTION_DAYS", "-3", "0 to 36500"), ("IMPORTER_WEBHOOK_RETRY_SCHEDULE", "5s,soon", "such as 5s"),
    ])
    func explainsABadSetting(key: String, value: String, accepted: String) async throws {
        try await with { program, _ in
            let result = try program.run("up", environment: [key: value])
            #expect(result.status == 2)
            #expect(result.errors.contains(key) || result.errors.contains(value))
            #expect(result.errors.contains(accepted), "\(result.errors)")
        }
    }

    @Test func readsSettingsFromAFile() async throws {
        try await with { program, _ in
            let config = try write(program, "importer.env", "IMPORTER_MAX_REJECT_PERCENT=5\n")
            let rows = (0..<20).map { $0 < 2 ? ",x\n" : "A\($0),x\n" }.joined()
            let file = try write(program, "a.csv", "sku,name\n" + rows)
            #expect(try program.run("import", file).status == 0)
            let strict = try program.run("import", file, "--config", config, "--json")
            #expect(strict.status == 1)
            #expect((try object(strict.output)["error"] as? [String: Any])?["code"] as? String == "too_many_rejects")
        }
    }

    @Test func migrateAndStatusSpeak() async throws {
        try await with { program, _ in
            #expect(try program.run("migrate").output.contains("Applied: products, imports"))
            #expect(try program.run("migrate").output.contains("up to date"))
            #expect(try program.run("status").output.contains("No file has been imported yet"))
            let file = try write(program, "a.csv", "sku\nA\n")
            let imported = try object(program.run("import", file, "--json").output)
            let id = try #require(imported["id"] as? String)
            #expect(try program.run("status", "a.csv").output.hasPrefix("a.csv: completed"))
            #expect(try object(program.run("status", id, "--json").output)["id"] as? String == id)
            #expect(try program.run("status", "nothing.csv").status == 1)
        }
    }

    @Test func interruptingAnImportCancelsIt() async throws {
        try await with { program, database in
            #expect(try program.run("migrate").status == 0)
            try await database.session.run {
                try $0.execute(
                    script: """
                        CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                            PERFORM pg_sleep(30); RETURN NEW; END $$;
                        CREATE TRIGGER hold BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION hold();
                        """)
            }
            let file = try write(program, "a.csv", "sku\nA\n")
            let running = try program.start("import", file)
            let deadline = ContinuousClock.now + .seconds(20)
            while try await !database.value(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
            ) {
                try #require(ContinuousClock.now < deadline)
            }
            #expect(running.stop(SIGINT) < .seconds(5))
            #expect(running.process.terminationStatus == 1)
            #expect(running.log.contains("a.csv: cancelled"), "\(running.log)")
            #expect(try await database.value("SELECT count(*) FROM products") == 0)
            #expect(try await database.value("SELECT state FROM imports") == "cancelled")
        }
    }

    @Test func aSecondWatcherIsRefused() async throws {
        try await with { program, _ in
            let first = try program.start("watch")
            try program.drop("a.csv", "sku\nA\n")
            _ = try await program.end(of: "a.csv")
            let second = try program.run("watch")
            #expect(second.status == 1)
            #expect(second.errors.split(separator: "\n").last?.contains(program.folder) == true, "\(second.errors)")
            #expect(first.stop() < .seconds(10))
        }
    }

    @Test func runsWithoutAnyDatabaseOfItsOwn() async throws {
        try await withTemporaryFolder { folder in
            let program = Program(folder: folder, database: nil)
            for round in 1...2 {
                let up = try program.start("up")
                try program.drop("round-\(round).csv", "sku,name\nA,\(round)\nB-\(round),x\n")
                let end = try await program.end(of: "round-\(round).csv")
                #expect(end["state"] as? String == "completed", "\(end)")
                let rows = try #require(end["rows"] as? [String: Int])
                #expect(rows["created"] == (round == 1 ? 2 : 1))
                #expect(rows["updated"] == round - 1, "the second run finds the data of the first")
                #expect(up.stop(SIGINT) < .seconds(10))
                #expect(up.process.terminationStatus == 0, "\(up.log)")
                #expect(up.log.contains("Stopped."))
                #expect(processes(mentioning: folder).isEmpty, "nothing is left behind")
            }
        }
    }

    @Test(arguments: [30, 80, 120, 200, 400]) func aSignalDuringTheStartLeavesNothingBehind(milliseconds: Int)
        async throws
    {
        try await withTemporaryFolder { folder in
            let program = Program(folder: folder, database: nil)
            let made = try program.run("migrate")
            #expect(made.status == 0, "\(made.errors)")
            let up = try program.start("up")
            try await Task.sleep(for: .milliseconds(milliseconds))
            #expect(up.stop(SIGTERM) < .seconds(10))
            try await Task.sleep(for: .milliseconds(300))
            #expect(processes(mentioning: folder).isEmpty)
        }
    }

    @Test func theEmbeddedDatabaseIsBroughtBack() async throws {
        try await withTemporaryFolder { folder in
            let program = Program(folder: folder, database: nil)
            let up = try program.start("up")
            try program.drop("before.csv", "sku\nA\n")
            _ = try await program.end(of: "before.csv")
            let file = try String(contentsOfFile: "\(folder)/var/postgres/data/postmaster.pid", encoding: .utf8)
            let server = try #require(file.split(separator: "\n").first.flatMap { Int32($0) })
            Glibc.kill(server, SIGQUIT)
            try program.drop("after.csv", "sku\nB\n")
            let end = try await program.end(of: "after.csv")
            #expect(end["state"] as? String == "completed")
            #expect(up.stop(SIGINT) < .seconds(10))
            #expect(processes(mentioning: folder).isEmpty)
        }
    }

    @Test(arguments: [
        ("IMPORTER_INBOX", "up"), ("IMPORTER_OUTBOX", "watch"), ("IMPORTER_DATA", "serve"),
        ("IMPORTER_OUTBOX", "import"),
    ]) func aFolderThatCannotBeMadeIsNamed(key: String, command: String) async throws {
        try await withTemporaryFolder { folder in
            let file = "\(folder)/products.csv"
            try "sku\nA\n".write(toFile: file, atomically: true, encoding: .utf8)
            var program = Program(folder: folder, database: nil)
            program.environment[key] = "\(file)/folder"
            let ended = try command == "import" ? program.run(command, file) : program.run(command)
            #expect(ended.status == 1)
            #expect(ended.errors.contains("\(key) is \"\(file)/folder\""), "\(ended.errors)")
            #expect(ended.errors.contains("Not a directory") && ended.errors.contains("Name a folder"))
            #expect(processes(mentioning: folder).isEmpty)
        }
    }

    /// A service that fails ends all others, and with them the program and its database.
    @Test(arguments: ["serve", "up"]) func aPortThatIsTakenEndsTheProgram(command: String) async throws {
        try await withTemporaryFolder { folder in
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var (address, length) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            try withUnsafeMutablePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try #require(bind(listener, $0, length) == 0 && listen(listener, 1) == 0)
                    try #require(getsockname(listener, $0, &length) == 0)
                }
            }
            let port = Int(UInt16(bigEndian: address.sin_port))
            var program = Program(folder: folder, database: nil)
            program.environment["IMPORTER_PORT"] = "\(port)"
            let running = try program.start(command)
            let deadline = ContinuousClock.now + .seconds(60)
            while running.process.isRunning, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(!running.process.isRunning, "it does not end:\n\(running.log)")
            if running.process.isRunning { running.kill() }
            #expect(running.process.terminationStatus == 1)
            #expect(running.log.contains("127.0.0.1, port \(port): another program does."), "\(running.log)")
            #expect(processes(mentioning: folder).isEmpty)
        }
    }

    /// Command lines of running processes that name a folder.
    private func processes(mentioning folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid in
            guard Int(pid) != nil, let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else {
                return nil
            }
            let line = String(decoding: data.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
            return line.contains(folder) ? line : nil
        } ?? []
    }
}
