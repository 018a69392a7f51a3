/// Borders of key ranges that hold about equally many rows, found from the first rows of a file.
struct KeySplitters {
    /// Bytes that all sampled keys begin with; the borders compare the eight behind them.
    fileprivate var common: [UInt8] = []
    fileprivate var borders: [UInt64] = []

    var count: Int { borders.count }

    /// The number of the range that a key falls into, from 0; keys of different case fall into the same.
    @inline(__always)
    func partition(of key: UnsafeRawBufferPointer) -> Int {
        for (index, byte) in common.enumerated() {
            let own = index < key.count ? foldedASCII(key[index]) : 0
            if own != byte { return own < byte ? 0 : borders.count }
        }
        let prefix = foldedPrefix(key, from: common.count)
        var (low, high) = (0, borders.count)
        while low < high {
            let middle = (low + high) / 2
            if borders[middle] <= prefix { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Remembers the beginnings of some keys.
struct KeySampler {
    private static let interval = 8
    private static let length = 32

    private var seen = 0
    private var samples: [[UInt8]] = []

    mutating func take(_ key: UnsafeRawBufferPointer) {
        seen += 1
        if seen % KeySampler.interval == 0 { samples.append(key.prefix(KeySampler.length).map { foldedASCII($0) }) }
    }

    /// Borders of `wanted` ranges, or of fewer where many keys begin alike.
    func splitters(_ wanted: Int) -> KeySplitters {
        var splitters = KeySplitters()
        guard let first = samples.first else { return splitters }
        let common = samples.reduce(first.count) { shared, key in
            zip(key, first).prefix(shared).prefix { $0 == $1 }.count
        }
        splitters.common = Array(first.prefix(common))
        let prefixes = samples.map { key in key.withUnsafeBytes { foldedPrefix($0, from: common) } }.sorted()
        for number in 1..<max(wanted, 2) {
            let border = prefixes[number * prefixes.count / wanted]
            if splitters.borders.last.map({ $0 < border }) ?? true { splitters.borders.append(border) }
        }
        return splitters
    }
}

@inline(__always)
private func foldedPrefix(_ key: UnsafeRawBufferPointer, from start: Int) -> UInt64 {
    var prefix: UInt64 = 0
    for index in start..<(start + 8) {
        prefix = prefix << 8 | (index < key.count ? UInt64(foldedASCII(key[index])) : 0)
    }
    return prefix
}
