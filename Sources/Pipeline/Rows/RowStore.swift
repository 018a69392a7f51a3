internal import Glibc

/// The accepted rows of one import, each as a tuple of PostgreSQL's binary COPY format.
///
/// Rows are appended in file order and read in key order. Small imports stay in memory. A larger one goes to an
/// unlinked scratch file, so that memory does not grow with the texts, and into partitions by ranges of the key, so
/// that reading in key order reads one partition after the other in large pieces: half a million reads of single rows
/// would cost the machine as much as the parsing, deduplicating and sending together.
///
/// Which partition a row goes to is a matter of speed alone: any row can be read from anywhere.
struct RowStore: ~Copyable {
    /// Where a row is: the partition (from bit 36) and the offset in it.
    typealias Location = Int

    private static let localBits = 36
    private static let memoryLimit = 24 << 20
    private static let partitionTarget = 2 << 20
    /// A partition larger than this is read row by row.
    private static let partitionLimit = 32 << 20
    /// What the buffers of all partitions take together, about.
    private static let bufferTotal = 8 << 20

    private let directory: String
    private let expectedSize: Int
    private var sampler = KeySampler()
    private var splitters = KeySplitters()
    /// The rows of before the scratch file was needed; partition 0.
    private var resident = RawBuffer(capacity: 64 << 10)
    private var partitions: [Partition] = []
    private var descriptor: CInt = -1
    private var written = 0

    private var loaded = -1
    private var cache = RawBuffer(capacity: 64)
    /// How much may still be read as whole partitions: when rows are asked for in another order than by key, reading
    /// a partition for each would read the file again and again.
    private var loadBudget = 0

    /// - Parameters:
    ///   - directory: where the scratch file goes, if one is needed.
    ///   - expectedSize: of all rows together, about.
    init(directory: String, expectedSize: Int) {
        self.directory = directory
        self.expectedSize = expectedSize
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    // MARK: Writing

    /// Keeps a row.
    ///
    /// - Parameter sku: the row's key or what comes near it, for choosing a partition.
    @inline(__always)
    mutating func keep(_ tuple: UnsafeRawBufferPointer, sku: UnsafeRawBufferPointer) throws -> Location {
        if descriptor >= 0 { return try moveToPartition(tuple, sku) }
        sampler.take(sku)
        let location = resident.count
        resident.append(tuple)
        if resident.count >= RowStore.memoryLimit { try startPartitions() }
        return location
    }

    private mutating func startPartitions() throws {
        descriptor = try openScratchFile(in: directory)
        let wanted = min(max(expectedSize / RowStore.partitionTarget, 8), 1000)
        splitters = sampler.splitters(wanted)
        partitions = (0..<(splitters.count + 1)).map { _ in Partition(chunk: RowStore.bufferTotal / wanted) }
    }

    private mutating func moveToPartition(
        _ tuple: UnsafeRawBufferPointer, _ sku: UnsafeRawBufferPointer
    ) throws -> Location {
        let number = splitters.partition(of: sku)
        let partition = partitions[number]
        let local = partition.size
        partition.append(tuple)
        if partition.isFull { try flush(partition) }
        return (number + 1) << RowStore.localBits | local
    }

    private mutating func flush(_ partition: Partition) throws {
        try writeAll(descriptor, partition.buffer.bytes)
        partition.flushed(to: written)
        written += partition.chunks.last!.count
    }

    /// After this, rows can be read, and no more are added.
    mutating func seal() throws {
        guard descriptor >= 0 else { return }
        for partition in partitions {
            if partition.buffer.count > 0 { try flush(partition) }
            partition.buffer.shrink(to: 64)
        }
        loadBudget = 3 * written
    }

    // MARK: Reading

    /// The bytes of a row, valid until the next call.
    @inline(__always)
    mutating func read(_ location: Location, _ length: Int) throws -> UnsafeRawBufferPointer {
        let number = location >> RowStore.localBits - 1
        let local = location & (1 << RowStore.localBits - 1)
        if number < 0 { return UnsafeRawBufferPointer(start: resident.base + local, count: length) }
        if number != loaded {
            let partition = partitions[number]
            guard partition.size <= min(RowStore.partitionLimit, loadBudget) else {
                return try readAlone(partition, local, length)
            }
            try load(number, partition)
        }
        return UnsafeRawBufferPointer(start: cache.base + local, count: length)
    }

    private mutating func load(_ number: Int, _ partition: Partition) throws {
        loaded = -1
        cache.count = 0
        cache.reserve(partition.size)
        for chunk in partition.chunks { try readScratch(chunk.offset, chunk.count) }
        loaded = number
        loadBudget -= partition.size
    }

    /// Reads one row, without disturbing what is loaded more than need be: a large partition's rows, or rows that are
    /// asked for in no order.
    private mutating func readAlone(
        _ partition: Partition, _ local: Int, _ length: Int
    ) throws -> UnsafeRawBufferPointer {
        loaded = -1
        cache.count = 0
        cache.reserve(length)
        let chunk = partition.chunk(holding: local)
        try readScratch(chunk.offset + local - chunk.start, length)
        return cache.bytes
    }

    /// Appends a range of the scratch file to the cache.
    private mutating func readScratch(_ offset: Int, _ count: Int) throws {
        guard pread(descriptor, cache.base + cache.count, count, off_t(offset)) == count else {
            throw SystemError("reading the scratch file", errno)
        }
        cache.count += count
    }
}

/// Rows of one range of keys: a write buffer, and where its chunks went in the scratch file. A row is never split.
private final class Partition {
    struct Chunk {
        /// Offset in the partition.
        let start: Int
        /// Offset in the scratch file.
        let offset: Int
        let count: Int
    }

    private let chunkSize: Int
    // Never assigned anew: that leaks a noncopyable property of a class (Swift 6.3).
    var buffer: RawBuffer
    private(set) var chunks: [Chunk] = []
    private var flushedSize = 0

    init(chunk: Int) {
        chunkSize = chunk
        buffer = RawBuffer(capacity: chunk + chunk / 4)
    }

    var size: Int { flushedSize + buffer.count }
    var isFull: Bool { buffer.count >= chunkSize }

    @inline(__always)
    func append(_ row: UnsafeRawBufferPointer) { buffer.append(row) }

    func flushed(to offset: Int) {
        chunks.append(Chunk(start: flushedSize, offset: offset, count: buffer.count))
        flushedSize += buffer.count
        buffer.count = 0
        // A huge row must not leave a huge buffer in every partition.
        if buffer.capacity > 2 * chunkSize { buffer.shrink(to: chunkSize) }
    }

    func chunk(holding local: Int) -> Chunk {
        var (low, high) = (0, chunks.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if chunks[middle].start <= local { low = middle } else { high = middle - 1 }
        }
        return chunks[low]
    }
}
