/// The part of the input that is in memory, as bytes of an ASCII-compatible encoding: UTF-16 is decoded on the way in.
///
/// Also keeps account of where in the source file the parser is.
struct CSVWindow: ~Copyable {
    /// Room that a read is sure to find; a UTF-16 unit or two must fit.
    private static let leastRoom = 16

    private var storage: UnsafeMutableRawBufferPointer
    private var count = 0
    /// Bytes that one `fill` reads at most, so that they stay in the processor's cache until they are parsed.
    private let chunkSize: Int
    private var file: FileBytes
    private var decoder: UTF16Decoder?
    /// Bytes of UTF-16 on their way in.
    private var encoded = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private(set) var isAtEnd = false

    /// `cursorSource` is the place in the source of the window's byte at `cursorOffset`.
    private var cursorOffset = 0
    private(set) var cursorSource: Int64 = 0

    init(file: FileBytes, encoding: CSVEncoding, chunkSize: Int) {
        self.file = file
        self.chunkSize = max(1, chunkSize)
        self.file.skip(encoding.markLength)
        cursorSource = self.file.offset
        storage = .allocate(byteCount: self.chunkSize + Self.leastRoom, alignment: 64)
        if encoding.isUTF16 {
            decoder = UTF16Decoder(isBigEndian: encoding == .utf16BigEndian)
            encoded = .allocate(byteCount: self.chunkSize, alignment: 64)
        }
    }

    deinit {
        storage.deallocate()
        encoded.deallocate()
    }

    @inline(__always)
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: storage.baseAddress, count: count) }

    /// The place in the source of the byte at `offset`, which is never before one asked for earlier.
    @inline(__always)
    mutating func sourceOffset(at offset: Int) -> Int64 {
        if decoder == nil {
            cursorSource &+= Int64(offset &- cursorOffset)
        } else {
            let passed = UnsafeRawBufferPointer(rebasing: bytes[cursorOffset..<offset])
            cursorSource += Int64(UTF16Decoder.sourceBytes(of: passed))
        }
        cursorOffset = offset
        return cursorSource
    }

    /// Takes the first `length` bytes away.
    mutating func discard(_ length: Int) {
        guard length > 0, let base = storage.baseAddress else { return }
        _ = sourceOffset(at: length)
        count -= length
        cursorOffset = 0
        base.copyMemory(from: base + length, byteCount: count)
    }

    /// Reads a chunk after what is there, and grows if that fills the window; at the end it sets `isAtEnd`.
    mutating func fill() throws(InputError) {
        guard !isAtEnd else { return }
        if storage.count - count < Self.leastRoom { grow() }
        let free = UnsafeMutableRawBufferPointer(rebasing: storage[count...])
        if decoder == nil {
            let got = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: free.prefix(chunkSize)))
            count += got
            isAtEnd = got == 0
        } else {
            count += try decode(into: free)
        }
    }

    private mutating func decode(into free: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        guard let target = free.baseAddress else { return 0 }
        let units = max(1, free.count / 3 - 2)
        let got = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: encoded.prefix(2 * units)))
        isAtEnd = got == 0
        let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(encoded).prefix(got))
        return (isAtEnd ? decoder?.finish(to: target) : decoder?.decode(bytes, to: target)) ?? 0
    }

    private mutating func grow() {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * storage.count, alignment: 64)
        larger.copyMemory(from: bytes)
        storage.deallocate()
        storage = larger
    }
}
