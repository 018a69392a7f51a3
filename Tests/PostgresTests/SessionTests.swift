import Glibc
import Postgres
import Testing
import TestSupport

/// A session's thread, and what cancelling a task does to the statement that runs there.
@Suite(.serialized) struct SessionTests {
    @Test func blockedSessionsHoldUpNobodyElse() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let time = try await ContinuousClock().measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await Session(database.conninfo).run { try $0.query("SELECT pg_sleep(0.8)") }
                        }
                    }
                    try await eventually { try await database.otherBackends() == 8 }
                    // Far more tasks than the cooperative pool has threads.
                    let others = await ContinuousClock().measure {
                        await withTaskGroup(of: Void.self) { others in
                            for _ in 0..<100 { others.addTask { try? await Task.sleep(for: .milliseconds(1)) } }
                        }
                    }
                    #expect(try await database.otherBackends() == 8)
                    #expect(others < .seconds(0.5))
                    try await group.waitForAll()
                }
            }
            #expect(time < .seconds(3), "the sessions slept one after the other")
        }
    }

    @Test func cancellingATaskInterruptsItsStatement() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            let work = Task { try await session.run { try $0.query("SELECT pg_sleep(60)").count } }
            try await database.waitUntilRunning("pg_sleep(60)")
            let time = try await ContinuousClock().measure {
                work.cancel()
                try await thrown(CancellationError.self) { try await work.value }
            }
            #expect(time < .seconds(1))
            try await database.expectNothingLeft()
            #expect(try await session.value("SELECT 1") == 1)
        }
    }

    @Test func aCancelledTaskRunsNothing() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let work = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await database.session.run { _ in
                    _ = Issue.record("it ran all the same")
                }
            }
            try await thrown(CancellationError.self) { try await work.value }
            try await database.execute("SELECT 1")
        }
    }

    @Test func cancellingAQueuedRunLeavesTheRunningOneAlone() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            async let first = session.run { try $0.query("SELECT 42, pg_sleep(0.6)")[0][0, as: Int.self] }
            try await database.waitUntilRunning("pg_sleep(0.6)")
            let second = Task { try await session.run { try $0.query("SELECT 43").count } }
            try await Task.sleep(for: .milliseconds(50))
            second.cancel()
            try await thrown(CancellationError.self) { try await second.value }
            #expect(try await first == 42)
        }
    }

    @Test func workThatAsksNothingOfTheServerSeesItsCancellation() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let started = Shared(false)
            let work = Task {
                try await database.session.run { connection in
                    started.change { $0 = true }
                    while true {
                        try connection.canceller.check()
                        usleep(1000)
                    }
                }
            }
            try await eventually { started.value }
            work.cancel()
            try await thrown(CancellationError.self) { try await work.value }
            try await database.execute("SELECT 1")
        }
    }

    /// Cancelling races with the end of the run it is meant for; the next run is never the victim.
    @Test func aLateCancelNeverHitsTheNextRun() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            for round in 0..<200 {
                let work = Task { try await session.run { try $0.query("SELECT 1").count } }
                for _ in 0..<(round % 20) { await Task.yield() }
                if round % 3 == 0 { try await Task.sleep(for: .microseconds(round * 5)) }
                work.cancel()
                _ = await work.result
                #expect(try await session.value("SELECT \(round)") == round)
            }
        }
    }

    /// What the race above is about, one step at a time.
    @Test func aConnectionWhoseWorkWasCancelledIsNotHandedOn() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            let started = Shared(false)
            let work = Task {
                try await session.run { connection in
                    started.change { $0 = true }
                    while !connection.canceller.isRequested { usleep(1000) }
                    return connection.serverProcess
                }
            }
            try await eventually { started.value }
            work.cancel()
            let process = try await work.value
            #expect(try await session.run { $0.serverProcess } != process)
        }
    }

    @Test func errorsOfTheWorkComeOutAsTheyAre() async throws {
        struct Mine: Error {}
        try await TestDatabase.with(migrated: false) { database in
            try await thrown(Mine.self) { try await database.session.run { _ in throw Mine() } }
            let error = try await postgresError {
                try await database.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57014'; END $$")
            }
            #expect(error.isCancellation, "nobody cancelled the task: this is the server's own timeout")
        }
    }

    // MARK: Threads

    @Test func theThreadEndsWithTheSession() async throws {
        try await TestDatabase.with(migrated: false) { database in
            for _ in 0..<4 {
                let session = Session(database.conninfo, name: "pg-lifetime")
                try await session.run { _ = try $0.query("SELECT 1") }
                #expect(threads(named: "pg-lifetime") >= 1)
            }
            try await eventually { threads(named: "pg-lifetime") == 0 }
            try await database.expectNothingLeft()
        }
    }

    @Test func aSessionMayEndOnItsOwnThread() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let conninfo = database.conninfo
            for _ in 0..<20 {
                // The task is the last to hold the session, and ends there.
                let work = Task { [session = Session(conninfo, name: "pg-own")] in
                    try await session.run { _ = try $0.query("SELECT 1") }
                }
                try await work.value
            }
            try await eventually { threads(named: "pg-own") == 0 }
            try await database.expectNothingLeft()
        }
    }

    @Test func anExecutorRunsItsJobsInOrderOnOneThreadOfItsOwn() async {
        actor Recorder {
            nonisolated let executor = ThreadExecutor(name: "recorder")
            nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
            var numbers: [Int] = []
            var threads: Set<pthread_t> = []

            func record(_ number: Int) {
                numbers.append(number)
                threads.insert(pthread_self())
            }

            deinit { executor.stop() }
        }
        let recorder = Recorder()
        for number in 0..<1000 { await recorder.record(number) }
        await withTaskGroup(of: Void.self) { group in
            for number in 1000..<2000 { group.addTask { await recorder.record(number) } }
        }
        #expect(await recorder.numbers.prefix(1000).elementsEqual(0..<1000))
        #expect(await Set(recorder.numbers) == Set(0..<2000))
        #expect(await recorder.threads.count == 1)
    }

    private func threads(named name: String) -> Int {
        guard let folder = opendir("/proc/self/task") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            let id = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let file = fopen("/proc/self/task/\(id)/comm", "r") else { continue }
            defer { fclose(file) }
            var text = [CChar](repeating: 0, count: 32)
            guard fgets(&text, 32, file) != nil else { continue }
            let line = text.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            if String(decoding: line, as: UTF8.self) == name { count += 1 }
        }
        return count
    }
}
