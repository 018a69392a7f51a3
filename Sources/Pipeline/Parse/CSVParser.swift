import Glibc

/// Finds records and fields in bytes: offsets out, no judgement, no copies.
///
/// The caller shows a window of the input and calls `next`. At `.needsInput` it brings more: it may move the window as
/// long as the bytes from `recordStart` on stay in it (`rebase` tells the parser), and no byte is looked at twice.
/// Fields are quoted only if their first byte is a quote (RFC 4180); LF, CRLF and a lone CR end a record; blank lines
/// are no records. Delimiter, quote and line ends are ASCII, so any ASCII-compatible encoding will do.
package struct CSVParser: ~Copyable {
    package enum Step {
        /// A record is complete: see `recordStart`, `position`, `fields` and the flags.
        case record
        /// The window is used up.
        case needsInput
        /// The input ended after the last record.
        case end
        /// The input ended inside a quoted field of the record that begins on `recordLine`.
        case unterminatedQuote
    }

    private enum State {
        case recordStart, fieldStart, unquoted, quoted, quoteInQuoted, carriageReturn
    }

    /// More fields than this (12 MiB of offsets) make a record too large.
    static let defaultFieldLimit = 1 << 20

    package private(set) var delimiter: UInt8
    private var delimiterPattern: UInt64
    private let fieldLimit: Int

    private var state = State.recordStart
    /// The window's next byte to look at. At `.record`, the offset just after the record's line end.
    package private(set) var position: Int
    /// Offset in the window of the current record's first byte, or of the first byte not dropped.
    package private(set) var recordStart: Int
    /// The physical line, from 1, on which the current record begins.
    package private(set) var recordLine: Int
    /// The physical line of `position`.
    package private(set) var line: Int
    /// Something other than a delimiter or a line end followed a closing quote.
    package private(set) var isBadlyQuoted = false
    /// No fields are kept of this record, because it has too many, or because the caller dropped it.
    package private(set) var isDropped = false
    /// The record ended with a line end and not with the input.
    package private(set) var hasLineEnd = false

    /// Offset of the current field's first byte, its quote if it has one, from `recordStart`.
    private var fieldStart = 0
    private var hasEscapedQuotes = false
    private var quotedPartEndsInCarriageReturn = false
    /// What was dropped of this record is nothing but spaces and tabs.
    private var droppedIsBlank = true
    private var recordIsBlank = false

    private var storage: UnsafeMutablePointer<CSVField>
    private var capacity = 64
    private var fieldCount = 0

    /// - Parameters:
    ///   - delimiter: an ASCII byte other than a quote, CR or LF.
    ///   - fieldLimit: fields that a record may have; a power of two from 64 on.
    package init(delimiter: UInt8, fieldLimit: Int = CSVParser.defaultFieldLimit) {
        self.delimiter = delimiter
        self.delimiterPattern = ByteScan.pattern(delimiter)
        self.fieldLimit = fieldLimit
        self.position = 0
        self.recordStart = 0
        self.recordLine = 1
        self.line = 1
        self.storage = .allocate(capacity: capacity)
    }

    deinit { storage.deallocate() }

    /// The fields of the record just found; valid until the next call of `next`.
    package var fields: UnsafeMutableBufferPointer<CSVField> {
        UnsafeMutableBufferPointer(start: storage, count: isDropped ? 0 : fieldCount)
    }

    /// Begins anew at the window's first byte, which is on that physical line. (To assign a new parser to a class's
    /// property instead leaks the old one's memory in Swift 6.3.1.)
    package mutating func restart(delimiter: UInt8, line: Int) {
        self.delimiter = delimiter
        delimiterPattern = ByteScan.pattern(delimiter)
        self.line = line
        position = 0
        state = .recordStart
    }

    /// Tells that the window's first `count` bytes were taken away.
    package mutating func rebase(by count: Int) {
        position -= count
        recordStart -= count
    }

    /// Gives up the bytes of the record so far, and its fields: `recordStart` becomes `position`.
    package mutating func dropRecord(in window: UnsafeRawBufferPointer) {
        if let base = window.baseAddress {
            droppedIsBlank =
                droppedIsBlank && state == .unquoted && fieldCount == 0
                && ByteScan.isBlank(base, recordStart..<position)
        }
        isDropped = true
        recordStart = position
    }

    /// Looks for the end of the next record.
    ///
    /// - Parameter atEnd: the window ends where the input ends.
    ///
    /// To the next maintainer: this loop sees every byte of every file. Each state reads from `offset` and either
    /// finds what ends it or uses up the window, in which case everything it knows is in the parser and the same
    /// state goes on with the first byte of the next window. Three things keep it fast: `ByteScan.endOfUnquoted` and
    /// `memchr` skip content, line ends inside quotes are counted in one pass a field, and a field costs one store.
    /// Measure before changing it (whole module, release), and run `Fuzz/run` after.
    package mutating func next(_ window: UnsafeRawBufferPointer, atEnd: Bool) -> Step {
        guard let base = window.baseAddress else { return atEnd ? finish(base: nil) : .needsInput }
        let count = window.count
        var offset = position
        while true {
            switch state {
            case .recordStart:
                beginRecord(at: offset)
            case .fieldStart:
                guard offset < count else { return suspend(base, at: offset, atEnd) }
                fieldStart = offset &- recordStart
                if base.load(fromByteOffset: offset, as: UInt8.self) == ASCII.quote {
                    state = .quoted
                    hasEscapedQuotes = false
                    quotedPartEndsInCarriageReturn = false
                    offset &+= 1
                } else {
                    state = .unquoted
                }
            case .unquoted:
                offset = ByteScan.endOfUnquoted(base, from: offset, count: count, delimiter: delimiterPattern)
                guard offset < count else { return suspend(base, at: offset, atEnd) }
                let byte = base.load(fromByteOffset: offset, as: UInt8.self)
                if byte != delimiter { noteWhetherBlank(base, upTo: offset) }
                appendField(from: fieldStart, to: offset &- recordStart, hasEscapedQuotes: false)
                offset &+= 1
                if byte == delimiter {
                    state = .fieldStart
                } else if byte == ASCII.carriageReturn {
                    state = .carriageReturn
                } else if endRecord(at: offset) {
                    return .record
                }
            case .quoted:
                offset = skipQuoted(base, from: offset, count: count)
                guard offset < count else { return suspend(base, at: offset, atEnd) }
            case .quoteInQuoted:
                guard offset < count else { return suspend(base, at: offset, atEnd) }
                let byte = base.load(fromByteOffset: offset, as: UInt8.self)
                offset &+= 1
                if byte == ASCII.quote {
                    hasEscapedQuotes = true
                    state = .quoted
                    continue
                }
                guard byte == delimiter || ASCII.isLineEnd(byte) else {
                    isBadlyQuoted = true
                    state = .unquoted
                    continue
                }
                appendQuotedField(upTo: offset &- 2)
                if byte == delimiter {
                    state = .fieldStart
                } else if byte == ASCII.carriageReturn {
                    state = .carriageReturn
                } else if endRecord(at: offset) {
                    return .record
                }
            case .carriageReturn:
                guard offset < count || atEnd else { return suspend(base, at: offset, atEnd) }
                if offset < count, base.load(fromByteOffset: offset, as: UInt8.self) == ASCII.lineFeed { offset &+= 1 }
                if endRecord(at: offset) { return .record }
            }
        }
    }

    @inline(__always)
    private mutating func beginRecord(at offset: Int) {
        recordStart = offset
        recordLine = line
        fieldCount = 0
        isBadlyQuoted = false
        isDropped = false
        hasLineEnd = false
        droppedIsBlank = true
        recordIsBlank = false
        state = .fieldStart
    }

    /// - Returns: whether it was a record; a blank line is none.
    @inline(__always)
    private mutating func endRecord(at offset: Int) -> Bool {
        line &+= 1
        position = offset
        hasLineEnd = true
        state = .recordStart
        return !recordIsBlank
    }

    /// Skips a quoted field's content up to its closing quote, and counts the lines in it.
    ///
    /// - Returns: the offset after the quote that may close it, or `count`. The state tells which.
    @inline(__always)
    private mutating func skipQuoted(_ base: UnsafeRawPointer, from start: Int, count: Int) -> Int {
        var offset = start
        var end = count
        while let found = memchr(base + offset, CInt(ASCII.quote), count &- offset) {
            offset = UnsafeRawPointer(found) - base &+ 1
            guard offset < count, base.load(fromByteOffset: offset, as: UInt8.self) == ASCII.quote else {
                state = .quoteInQuoted
                end = offset
                break
            }
            hasEscapedQuotes = true
            offset &+= 1
        }
        line &+= ByteScan.lineEnds(
            base + start, count: end &- start, endsInCarriageReturn: &quotedPartEndsInCarriageReturn)
        return end
    }

    /// At the line end of a record of one unquoted field: a line of spaces and tabs is as blank as an empty one.
    @inline(__always)
    private mutating func noteWhetherBlank(_ base: UnsafeRawPointer, upTo offset: Int) {
        if fieldCount == 0, droppedIsBlank { recordIsBlank = ByteScan.isBlank(base, recordStart..<offset) }
    }

    @inline(__always)
    private mutating func appendQuotedField(upTo closingQuote: Int) {
        appendField(from: fieldStart &+ 1, to: closingQuote &- recordStart, hasEscapedQuotes: hasEscapedQuotes)
    }

    @inline(__always)
    private mutating func appendField(from start: Int, to end: Int, hasEscapedQuotes: Bool) {
        if isDropped {
            droppedIsBlank = false
            return
        }
        if fieldCount == capacity, !growFields() { return }
        storage[fieldCount] = CSVField(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
            hasEscapedQuotes: hasEscapedQuotes)
        fieldCount &+= 1
    }

    /// - Returns: false if the record has all the fields that one may have; it is dropped then.
    @inline(never)
    private mutating func growFields() -> Bool {
        guard fieldCount < fieldLimit else {
            isDropped = true
            droppedIsBlank = false
            return false
        }
        capacity *= 2
        let larger = UnsafeMutablePointer<CSVField>.allocate(capacity: capacity)
        larger.moveInitialize(from: storage, count: fieldCount)
        storage.deallocate()
        storage = larger
        return true
    }

    @inline(never)
    private mutating func suspend(_ base: UnsafeRawPointer, at offset: Int, _ atEnd: Bool) -> Step {
        position = offset
        return atEnd ? finish(base: base) : .needsInput
    }

    /// The input is over: the last record may lack its line end, and there may be none.
    private mutating func finish(base: UnsafeRawPointer?) -> Step {
        switch state {
        case .recordStart:
            return .end
        case .fieldStart where position == recordStart && fieldCount == 0 && !isDropped:
            state = .recordStart
            return .end
        case .quoted:
            return .unterminatedQuote
        case .fieldStart:
            appendField(from: position - recordStart, to: position - recordStart, hasEscapedQuotes: false)
        case .unquoted:
            if let base { noteWhetherBlank(base, upTo: position) }
            appendField(from: fieldStart, to: position - recordStart, hasEscapedQuotes: false)
        case .quoteInQuoted:
            appendQuotedField(upTo: position - 1)
        case .carriageReturn:
            line += 1
            hasLineEnd = true
        }
        state = .recordStart
        return recordIsBlank ? .end : .record
    }
}
