import Glibc

/// The most memory of its own that a process was seen with, in bytes.
struct MemoryPeak {
    /// Memory that is no file's: RssAnon.
    private(set) var anonymous = 0
    /// The above and pages of files that it wrote and nobody else maps: Private_Dirty.
    private(set) var dirty = 0
    /// Bytes that the goal is about.
    var `private`: Int { max(anonymous, dirty) }

    private var nextThoroughLook = ContinuousClock.now

    mutating func sample(_ id: pid_t) {
        anonymous = max(anonymous, kilobytes("RssAnon", in: readProcessFile(id, "status")) * 1024)
        // This one walks all of the page tables.
        guard nextThoroughLook <= .now else { return }
        dirty = max(dirty, kilobytes("Private_Dirty", in: readProcessFile(id, "smaps_rollup")) * 1024)
        nextThoroughLook = .now + .milliseconds(100)
    }
}

/// Bytes in memory, shared ones included.
func residentBytes(_ id: pid_t) -> Int { kilobytes("VmRSS", in: readProcessFile(id, "status")) * 1024 }

/// Seconds of processor time that a process has used, with all threads that it has or had.
func processorSeconds(_ id: pid_t) throws -> Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(id, &clock) == 0, clock_gettime(clock, &time) == 0 else {
        throw BenchmarkError("The processor time of process \(id) cannot be read.")
    }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

private func kilobytes(_ name: String, in text: String) -> Int {
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    return line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
}

private func readProcessFile(_ id: pid_t, _ name: String) -> String { readTextFile("/proc/\(id)/\(name)") ?? "" }

/// The text of a file that may be a kernel's, whose size is not known before; nil if it cannot be read.
func readTextFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while true {
        let piece = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
        if piece.isEmpty { return String(decoding: bytes, as: UTF8.self) }
        bytes += piece
    }
}
