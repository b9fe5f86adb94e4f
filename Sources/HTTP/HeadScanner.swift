// Walks over the lines of a message head (RFC 9112 §2 and §5), for requests and answers alike.
//
// Two rules make the outcome a pure function of the bytes. A line is judged only once its line
// feed is there, and lines are judged in order, so one byte more never changes a verdict. And
// what is refused without a line feed (the first bytes, the limits) is looked at in every call.
//
// The bounds proof for all unchecked loads here: `base..<base + end` is the caller's buffer, cut
// to the limit; `byte(at:)` and `word(at:)` are called with offsets proven below `end` by the
// guard or loop condition right above the call. The scanners of CScan are told the same `end`.

import CScan

/// Why scanning stopped before the head was complete.
enum HeadStop: Error {
    case needMore
    case reject(HTTPReject)
}

struct HeadScanner {
    let base: UnsafeRawPointer
    /// Bytes that may be examined.
    let end: Int
    /// The input is as long as a head may be: what is not complete now never will be.
    let isFull: Bool
    var position = 0
    /// What is said when the limit falls before the next line feed.
    private var limitReject: HTTPReject

    /// Nil for empty input.
    init?(_ input: UnsafeRawBufferPointer, limits: HTTPLimits, firstLine: HTTPReject) {
        guard let base = input.baseAddress, input.count > 0 else { return nil }
        self.base = base
        end = min(input.count, limits.headBytesMax)
        isFull = input.count >= limits.headBytesMax
        limitReject = firstLine
    }

    @inline(__always)
    func byte(at offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < end, "HeadScanner read outside its input")
        return base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Eight bytes, the first in the lowest bits.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        assert(offset >= 0 && offset + 8 <= end, "HeadScanner read outside its input")
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    func bytes(_ range: HeadRange) -> UnsafeRawBufferPointer {
        range.bytes(in: UnsafeRawBufferPointer(start: base, count: end))
    }

    /// Whether the field's name is `text`, given in lower case. A name is a token, and among its
    /// bytes only capitals turn into letters, and only a hyphen into a hyphen, by setting a bit.
    @inline(__always)
    func isNamed(_ text: StaticString, _ field: FieldRange) -> Bool {
        guard Int(field.name.count) == text.utf8CodeUnitCount else { return false }
        let start = Int(field.name.offset)
        for index in 0..<text.utf8CodeUnitCount
        where byte(at: start + index) | 0x20 != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// Offsets are below 65,536, because `HTTPLimits.headBytesMax` is.
    @inline(__always)
    func range(_ from: Int, _ to: Int) -> HeadRange {
        HeadRange(
            offset: UInt16(truncatingIfNeeded: from), count: UInt16(truncatingIfNeeded: to - from))
    }

    // MARK: Stops

    /// True where neither a line nor the input's limit ends at or behind `offset`.
    func endsNoLine(from offset: Int) -> Bool {
        !isFull && !hasLineFeed(from: offset)
    }

    func hasLineFeed(from offset: Int) -> Bool {
        var at = offset
        while at < end {
            if byte(at: at) == ASCIIByte.lineFeed { return true }
            at += 1
        }
        return false
    }

    /// The stop for input that ends inside a line.
    var more: HeadStop { isFull ? .reject(limitReject) : .needMore }

    /// The stop for a fault at `offset`, valid once its line has ended.
    func fault(_ reject: HTTPReject, at offset: Int) -> HeadStop {
        hasLineFeed(from: offset) ? .reject(reject) : more
    }

    // MARK: The first bytes

    /// A message may be preceded by one empty line (RFC 9112 §2.2); then a token must begin.
    /// What cannot begin one (a TLS ClientHello, a line feed) is refused without waiting.
    var refusalOfFirstBytes: HTTPReject? {
        var at = 0
        if byte(at: 0) == ASCIIByte.carriageReturn {
            guard end > 1 else { return nil }
            guard byte(at: 1) == ASCIIByte.lineFeed else { return .bareCarriageReturn }
            at = 2
        }
        guard at < end else { return nil }
        return byte(at: at).has(.token) ? nil : .badRequestLine
    }

    @inline(__always)
    mutating func skipLeadingLine() throws(HeadStop) {
        if byte(at: 0).has(.token) { return }
        if let reject = refusalOfFirstBytes { throw .reject(reject) }
        guard end > 2 else { throw more }
        position = 2
    }

    // MARK: Lines

    /// Steps over CR LF, or says what stands there instead.
    @inline(__always)
    mutating func endLine(else reject: HTTPReject) throws(HeadStop) {
        guard position + 1 < end else {
            if position < end, byte(at: position) != ASCIIByte.carriageReturn {
                throw fault(
                    byte(at: position) == ASCIIByte.lineFeed ? .bareLineFeed : reject,
                    at: position)
            }
            throw more
        }
        if byte(at: position) == ASCIIByte.carriageReturn,
            byte(at: position + 1) == ASCIIByte.lineFeed
        {
            position += 2
            limitReject = .headTooLarge
            return
        }
        throw lineEndFault(else: reject)
    }

    private func lineEndFault(else reject: HTTPReject) -> HeadStop {
        switch byte(at: position) {
        case ASCIIByte.carriageReturn: fault(.bareCarriageReturn, at: position)
        case ASCIIByte.lineFeed: fault(.bareLineFeed, at: position)
        default: fault(reject, at: position)
        }
    }

    /// Reads field lines (RFC 9112 §5) into `head`, as long as they are plainly well-formed, and
    /// notes those that decide framing. `nextField` goes on where this stops.
    @inline(__always)
    mutating func readPlainFields(
        into head: inout RequestHead, _ framing: inout FramingFields, limits: HTTPLimits
    ) throws(HeadStop) {
        let before = head.fieldCount
        let room = UInt32(clamping: min(limits.fieldsMax, head.fieldRoom) - before)
        let found = head.withLines { lines in
            cscan_lines(
                base.assumingMemoryBound(to: UInt8.self), UInt32(truncatingIfNeeded: position),
                UInt32(truncatingIfNeeded: end), lines + before, room)
        }
        guard let found, found.count > 0 else { return }
        head.count(appended: Int(found.count))
        position = Int(found.next)
        limitReject = .headTooLarge
        var marks = found.framing
        while marks != 0 {
            try framing.note(head.line(before + marks.trailingZeroBitCount), in: self)
            marks &= marks &- 1
        }
    }

    /// Reads the next field line (RFC 9112 §5); nil after the empty line that ends the head.
    @inline(__always)
    mutating func nextField() throws(HeadStop) -> FieldRange? {
        let nameStart = position
        guard nameStart < end else { throw more }
        if byte(at: nameStart) == ASCIIByte.carriageReturn {
            try endLine(else: .badFieldName)
            return nil
        }
        var at = nameStart
        while at < end, byte(at: at).has(.token) { at += 1 }
        guard at < end else { throw more }
        guard byte(at: at) == ASCIIByte.colon, at > nameStart else {
            throw nameFault(at: at, nameStart: nameStart)
        }
        let nameEnd = at
        at += 1
        while at < end, byte(at: at).isBlank { at += 1 }
        let valueStart = at
        while at < end, byte(at: at).has(.value) { at += 1 }
        var valueEnd = at
        while valueEnd > valueStart, byte(at: valueEnd - 1).isBlank { valueEnd -= 1 }
        position = at
        try endLine(else: .badFieldValue)
        return FieldRange(name: range(nameStart, nameEnd), value: range(valueStart, valueEnd))
    }

    private func nameFault(at offset: Int, nameStart: Int) -> HeadStop {
        switch byte(at: offset) {
        case ASCIIByte.space, ASCIIByte.tab:
            fault(offset == nameStart ? .lineFolding : .spaceBeforeColon, at: offset)
        case ASCIIByte.lineFeed:
            fault(offset == nameStart ? .bareLineFeed : .badFieldName, at: offset)
        default: fault(.badFieldName, at: offset)
        }
    }
}
