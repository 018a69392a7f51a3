import Glibc

/// A program started by the benchmark. `posix_spawn` and `wait4` give what is measured with nothing in between.
struct MeasuredProcess {
    /// One that has ended.
    struct Result {
        /// From before its start to after its end.
        let seconds: Double
        let exitCode: Int
        /// Bytes, mapped files included.
        let maximumResident: Int
        let memory: MemoryPeak
    }

    let id: pid_t
    private let started: ContinuousClock.Instant

    /// - Parameters:
    ///   - environment: added to ours, from which everything that PostgreSQL or the importer would read is taken away.
    ///   - output: where its output goes.
    ///   - errors: where its messages go.
    init(_ program: String, _ arguments: [String], environment: [String: String], output: String, errors: String) throws
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)

        let words = ([program] + arguments).map { strdup($0) } + [nil]
        let variables = MeasuredProcess.environment(environment).map { strdup($0) } + [nil]
        defer { for string in words + variables { free(string) } }
        var id: pid_t = 0
        started = .now
        let failure = posix_spawnp(&id, program, &actions, nil, words, variables)
        guard failure == 0 else {
            throw BenchmarkError("\(program) cannot be started: \(String(cString: strerror(failure)))")
        }
        self.id = id
    }

    private static func environment(_ added: [String: String]) -> [String] {
        let ours = (0...).lazy.map { environ[$0] }.prefix { $0 != nil }.map { String(cString: $0!) }
        let prefixes = ["PG", "IMPORTER_", "DATABASE_URL=", "PORT="]
        return ours.filter { variable in !prefixes.contains { variable.hasPrefix($0) } } + added.map { "\($0)=\($1)" }
    }

    /// Waits for its end.
    ///
    /// - Parameter sampling: whether its memory is looked at fifty times a second.
    func wait(sampling: Bool = false) throws -> Result {
        var status: CInt = 0
        var usage = rusage()
        var memory = MemoryPeak()
        while true {
            let ended = wait4(id, &status, sampling ? WNOHANG : 0, &usage)
            if ended == id { break }
            guard ended == 0 || errno == EINTR else {
                throw BenchmarkError("wait4: \(String(cString: strerror(errno)))")
            }
            memory.sample(id)
            usleep(20_000)
        }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        let signal = Int(status & 0x7F)
        return Result(
            seconds: seconds, exitCode: signal == 0 ? Int(status >> 8 & 0xFF) : 128 + signal,
            maximumResident: usage.ru_maxrss * 1024, memory: memory)
    }

    /// Whether it has not ended.
    var isRunning: Bool { waitpid(id, nil, WNOHANG) == 0 }

    /// Asks it to stop, and makes it after a while.
    func stop() {
        kill(id, SIGTERM)
        for _ in 0..<1500 {
            guard isRunning else { return }
            usleep(10_000)
        }
        kill(id, SIGKILL)
        waitpid(id, nil, 0)
    }
}
