internal import Glibc

/// Takes a `multipart/form-data` body (RFC 7578) apart while it comes in, in pieces of any size. It holds back no more
/// than a part's head, or the few bytes that could be the beginning of a boundary.
struct MultipartParser {
    enum Event {
        case part(MultipartHead)
        /// The next bytes of the part's content; valid during the call only.
        case content(UnsafeRawBufferPointer)
        case partEnd
    }

    enum Fault: Error, Equatable {
        /// Bytes where a boundary's line should have ended.
        case boundary
        /// A part's head that is too large, or does not name its field.
        case head
    }

    private enum State { case preamble, boundary, head, content, epilogue }

    private static let maximumHead = 16 << 10

    /// What stands between two parts.
    private let delimiter: [UInt8]
    private var state = State.preamble
    /// Bytes that came and are not dealt with. The line break before the first boundary may be missing.
    private var pending: [UInt8] = [0x0D, 0x0A]

    init(boundary: [UInt8]) { delimiter = Array("\r\n--".utf8) + boundary }

    /// Whether the last boundary has been seen: otherwise the body was cut off.
    var isComplete: Bool { state == .epilogue }

    /// Takes the next bytes and hands out what they complete.
    ///
    /// - Throws: `Fault`, or what `emit` throws.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (Event) throws -> Void) throws {
        guard state != .epilogue else { return }
        pending += bytes
        var used = 0
        defer { pending.removeFirst(used) }
        while let step = try pending.withUnsafeBytes({
            try advance(UnsafeRawBufferPointer(rebasing: $0[used...]), emit)
        }) {
            used += step.used
            state = step.next
        }
        if state == .preamble || state == .content {
            used += try pending.withUnsafeBytes { try passOn(UnsafeRawBufferPointer(rebasing: $0[used...]), emit) }
        } else if state == .epilogue {
            used = pending.count
        } else if pending.count - used > MultipartParser.maximumHead {
            throw Fault.head
        }
    }

    /// Goes to the next state; nil when the bytes do not suffice for that.
    private func advance(
        _ bytes: UnsafeRawBufferPointer, _ emit: (Event) throws -> Void
    ) throws -> (used: Int, next: State)? {
        switch state {
        case .preamble, .content:
            guard let place = bytes.firstPlace(of: delimiter) else { return nil }
            if state == .content {
                if place > 0 { try emit(.content(UnsafeRawBufferPointer(rebasing: bytes[..<place]))) }
                try emit(.partEnd)
            }
            return (place + delimiter.count, .boundary)
        case .boundary:
            return try boundaryEnd(bytes)
        case .head:
            // The line break that ended the boundary is looked at again, for a head of no lines.
            guard let end = bytes.firstPlace(of: Array("\r\n\r\n".utf8)) else { return nil }
            guard end <= MultipartParser.maximumHead, let head = MultipartHead(bytes[..<end]) else { throw Fault.head }
            try emit(.part(head))
            return (end + 4, .content)
        case .epilogue:
            return nil
        }
    }

    /// Behind a boundary: `--` ends the body; else white space may follow, and a line break must.
    private func boundaryEnd(_ bytes: UnsafeRawBufferPointer) throws -> (used: Int, next: State)? {
        if bytes.count >= 2, bytes[0] == UInt8(ascii: "-"), bytes[1] == UInt8(ascii: "-") { return (2, .epilogue) }
        guard let end = bytes.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }), end + 1 < bytes.count else {
            return nil
        }
        guard bytes[end] == 0x0D, bytes[end + 1] == 0x0A else { throw Fault.boundary }
        return (end, .head)
    }

    /// Passes on what cannot be the beginning of a delimiter.
    private func passOn(_ bytes: UnsafeRawBufferPointer, _ emit: (Event) throws -> Void) throws -> Int {
        let count = bytes.count - (delimiter.count - 1)
        guard count > 0 else { return 0 }
        if state == .content { try emit(.content(UnsafeRawBufferPointer(rebasing: bytes[..<count]))) }
        return count
    }
}

extension UnsafeRawBufferPointer {
    /// Where `needle`, which begins with a carriage return, begins first.
    fileprivate func firstPlace(of needle: [UInt8]) -> Int? {
        guard let base = baseAddress else { return nil }
        var place = 0
        while place + needle.count <= count {
            guard let found = memchr(base + place, 0x0D, count - place - needle.count + 1) else { return nil }
            place = base.distance(to: UnsafeRawPointer(found))
            if memcmp(base + place, needle, needle.count) == 0 { return place }
            place += 1
        }
        return nil
    }
}
