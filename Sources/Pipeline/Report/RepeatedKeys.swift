/// Finds the keys that a file repeats most often, while its rows are deduplicated.
struct RepeatedKeys {
    private static let kept = 10

    private struct Repeat {
        let entry: KeyTable.Entry
        var count: Int
    }

    private var top: [Repeat] = []
    private var current: Repeat?

    /// A row has the same key as the one that it replaces. Rows of one key come one after the other.
    mutating func replaced(_ old: KeyTable.Entry, by new: KeyTable.Entry) {
        let isSame = current.map { $0.entry.sequence == old.sequence } ?? false
        let count = isSame ? current!.count + 1 : 2
        if !isSame { close() }
        current = Repeat(entry: new, count: count)
    }

    private mutating func close() {
        guard let run = current else { return }
        current = nil
        guard top.count == RepeatedKeys.kept else { return top.append(run) }
        if let least = top.indices.min(by: { top[$0].count < top[$1].count }), top[least].count < run.count {
            top[least] = run
        }
    }

    func facts(_ key: (KeyTable.Entry) -> UnsafeRawBufferPointer) -> [ImportFacts.RepeatedSKU] {
        var closed = self
        closed.close()
        return closed.top.sorted { ($1.count, $0.entry.sequence) < ($0.count, $1.entry.sequence) }.map { run in
            ImportFacts.RepeatedSKU(
                sku: shortened(String(decoding: key(run.entry), as: UTF8.self), to: 80), count: run.count,
                line: Int(run.entry.sequence))
        }
    }
}
