/// Some records of a file as they leave the encoder: the accepted ones as tuples of binary COPY, one behind the other,
/// and the rejected ones with their reasons.
///
/// Filled by one thread, then read by another, never by two at a time: that is why it may be handed over.
final class RowBatch: @unchecked Sendable {
    /// Bytes of tuples from which on a batch is full: half of the second-level cache, for two are in work.
    private static let size = 256 << 10

    // Touched for each record and never called back into: run-time checks of exclusive access would show.
    @exclusivity(unchecked) var tuples = RawBuffer(capacity: RowBatch.size + RowBatch.size / 4)
    @exclusivity(unchecked) private var rowBuffer = RawBuffer(capacity: 2048 * MemoryLayout<EncodedRow>.stride)
    @exclusivity(unchecked) private(set) var rejected: [RejectedRecord] = []
    /// Records of the file, and bytes of the source, up to the end of this batch.
    private(set) var read = 0
    private(set) var bytesDone = 0

    var isFull: Bool { tuples.count >= RowBatch.size || rejected.count >= 4096 }

    var rows: UnsafeBufferPointer<EncodedRow> {
        UnsafeBufferPointer(
            start: rowBuffer.base.assumingMemoryBound(to: EncodedRow.self),
            count: rowBuffer.count / MemoryLayout<EncodedRow>.stride)
    }

    func clear() {
        tuples.count = 0
        // A huge row must not leave a huge buffer in every batch.
        if tuples.capacity > 4 * RowBatch.size { tuples.shrink(to: RowBatch.size) }
        rowBuffer.count = 0
        rejected.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    func append(_ row: EncodedRow) {
        rowBuffer.reserve(MemoryLayout<EncodedRow>.stride)
        rowBuffer.base.storeBytes(of: row, toByteOffset: rowBuffer.count, as: EncodedRow.self)
        rowBuffer.count += MemoryLayout<EncodedRow>.stride
    }

    func append(_ record: RejectedRecord) { rejected.append(record) }

    func close(read: Int, bytesDone: Int) {
        self.read = read
        self.bytesDone = bytesDone
    }
}

/// What is to be known of an accepted row beside its tuple.
struct EncodedRow {
    /// Bytes of the tuple.
    let length: Int
    /// The record's place in the file: the line on which it begins.
    let sequence: Int
    let skuLength: Int
    let activeIsBlank: Bool

    /// The SKU's bytes in the tuple: behind the field count (2 bytes) and the SKU's own length (4).
    var sku: Range<Int> { 6..<(6 + skuLength) }
}
