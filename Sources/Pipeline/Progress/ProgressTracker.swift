package import Catalog
internal import FoundationEssentials
internal import Synchronization

/// The truth about where one import stands. Stages report facts to it; `snapshot` makes the progress object of them.
/// Reports may come from any thread, snapshots too.
package final class ProgressTracker: Sendable {
    /// Where each stage begins and the load ends, in percent. Parsing is quick, loading is what takes the time.
    private enum Share {
        static let parse = 0.0
        static let dedupe = 12.0
        static let load = 15.0
        static let write = 35.0
        static let index = 70.0
        static let finish = 97.0
    }

    private struct State {
        var progress: ImportProgress
        var percent = 0.0
        var stageStarted: ContinuousClock.Instant
        let started: ContinuousClock.Instant
        var plan = ImportProgress.Plan()
        var facts = ImportFacts()
    }

    private let state: Mutex<State>

    package init(_ progress: ImportProgress) {
        let now = ContinuousClock.now
        state = Mutex(State(progress: progress, stageStarted: now, started: now))
    }

    /// The object as it stands now.
    package var snapshot: ImportProgress {
        state.withLock { state in
            var progress = state.progress
            progress.updatedAt = Date()
            progress.plan = state.plan.name == nil && state.plan.seconds.isEmpty ? nil : state.plan
            if !progress.state.isEnd {
                progress.percent = max(progress.percent, min(99, Int(state.percent)))
                state.progress.percent = progress.percent
                progress.secondsRemaining = remaining(state)
            }
            return progress
        }
    }

    /// Changes facts of the object directly.
    package func update(_ change: (inout ImportProgress) -> Void) {
        state.withLock { change(&$0.progress) }
    }

    /// What the report will tell beside the object.
    var facts: ImportFacts { state.withLock { $0.facts } }

    func note(_ change: (inout ImportFacts) -> Void) { state.withLock { change(&$0.facts) } }

    private func remaining(_ state: State) -> Double? {
        guard state.percent > 2 else { return nil }
        let elapsed = (ContinuousClock.now - state.started) / .seconds(1)
        return ((elapsed * (100 - state.percent) / state.percent) * 10).rounded() / 10
    }

    // MARK: What the stages report

    /// Begins a stage and closes the time of the one before.
    func enter(_ stage: ImportProgress.Stage, _ message: String) {
        state.withLock { state in
            closeStage(&state)
            state.progress.state = .running
            state.progress.stage = stage
            state.progress.message = message
            state.percent = max(
                state.percent,
                [
                    .parse: Share.parse, .dedupe: Share.dedupe, .load: Share.load,
                    .finish: Share.finish,
                ][stage]!)
        }
    }

    private func closeStage(_ state: inout State) {
        let now = ContinuousClock.now
        if state.progress.state == .running {
            state.plan.seconds[state.progress.stage.rawValue] = seconds(now - state.stageStarted)
        }
        state.stageStarted = now
    }

    func parsed(bytes: Int, rows: Int, rejected: Int) {
        state.withLock { state in
            state.progress.bytes.done = bytes
            state.progress.rows.read = rows
            state.progress.rows.rejected = rejected
            let total = max(state.progress.bytes.total, 1)
            state.percent = max(state.percent, Share.dedupe * Double(bytes) / Double(total))
            state.progress.message = "Reading row \(grouped(rows))"
        }
    }

    func chose(_ plan: LoadPlan) {
        state.withLock {
            $0.plan.name = plan.name.rawValue
            $0.plan.reason = plan.reason
        }
    }

    func comparing(_ products: Int) {
        state.withLock {
            $0.progress.message = "Comparing with \(grouped(products)) products in the catalogue"
            // Approaches the end of this part without knowing the catalogue's exact size.
            $0.percent = max(
                $0.percent, Share.load + (Share.write - Share.load) * (1 - 1 / (1 + Double(products) / 300_000)))
        }
    }

    func loaded(_ done: Int, of total: Int, thenIndexing: Bool = false) {
        state.withLock {
            $0.progress.message = "Loading \(grouped(done)) of \(grouped(total)) products"
            let share = Double(done) / Double(max(total, 1))
            let end = thenIndexing ? Share.index : Share.finish
            $0.percent = max($0.percent, Share.write + (end - Share.write) * share)
        }
    }

    func indexing(_ products: Int) {
        state.withLock {
            $0.progress.message = "Making \(grouped(products)) products ready to be looked up"
            $0.percent = max($0.percent, Share.index)
        }
    }

    func merged(_ rows: Int) { state.withLock { $0.plan.merged = rows } }

    /// Runs a part of a stage and notes how long it took.
    func timed<Output>(_ part: String, _ body: () throws -> Output) rethrows -> Output {
        let start = ContinuousClock.now
        defer { state.withLock { $0.plan.seconds[part] = seconds(ContinuousClock.now - start) } }
        return try body()
    }

    /// A new attempt begins: times and counts start again, the percentage stays.
    func restart() {
        state.withLock {
            $0.plan = ImportProgress.Plan()
            $0.facts = ImportFacts()
            $0.progress.warnings = []
            $0.progress.repairs = nil
            $0.progress.rows = ImportProgress.Rows()
            $0.progress.bytes.done = 0
        }
    }

    /// The object as it will be once the import has ended this way. What is shown stays as it is: an end is written
    /// only after it is true.
    func ending(_ end: ImportProgress.State, _ message: String, failure: ImportFailure? = nil) -> ImportProgress {
        state.withLock { state in
            closeStage(&state)
            var progress = state.progress
            let now = Date()
            if end != .completed { progress.rows.clearApplied() }
            progress.plan = state.plan
            progress.state = end
            progress.message = message
            progress.error = failure
            progress.percent = 100
            progress.secondsRemaining = nil
            progress.finishedAt = now
            progress.updatedAt = now
            return progress
        }
    }

    private func seconds(_ duration: Duration) -> Double { (duration / .microseconds(100)).rounded() / 10_000 }
}

/// 490090 as "490,090".
package func grouped(_ number: Int) -> String {
    let digits = Array(String(abs(number)))
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return number < 0 ? "-" + text : text
}
