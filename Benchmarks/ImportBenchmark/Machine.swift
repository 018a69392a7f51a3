import Glibc

/// The machine in general words: what a reader needs to compare numbers, and nothing that tells which machine it is.
enum Machine {
    static func description(server: String, settings: ServerSettings) -> String {
        let memory = readTextFile("/proc/meminfo").flatMap { field("MemTotal", in: $0) }?.split(separator: " ").first
            .flatMap { Int($0) }
        let gigabytes = memory.map { "\(Int((Double($0) / 1_048_576).rounded())) GB" } ?? "unknown"
        return "\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) cores (\(processor)), \(gigabytes) of memory, "
            + "PostgreSQL \(server.prefix { $0 != " " }) with \(settings.rawValue) settings, Linux \(kernel)"
    }

    /// The family, without the model's number: "AMD EPYC", "Intel Xeon".
    private static var processor: String {
        guard let model = readTextFile("/proc/cpuinfo").flatMap({ field("model name", in: $0) }) else {
            return "unknown processor"
        }
        return model.split(separator: " ").filter { $0 != "CPU" && $0 != "@" }.prefix(2)
            .map { $0.replacing("(R)", with: "") }.joined(separator: " ")
    }

    /// Version and patch level, without what the distribution adds.
    private static var kernel: String {
        let release = readTextFile("/proc/sys/kernel/osrelease") ?? ""
        return release.split(separator: ".").prefix(2).joined(separator: ".")
    }

    private static func field(_ name: String, in text: String) -> String? {
        text.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: ":").dropFirst().first
            .map { String($0.drop { $0 == " " }) }
    }
}
