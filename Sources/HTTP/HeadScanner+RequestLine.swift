// The request line (RFC 9112 §3) and the four forms of its target (§3.2).
// Exactly one space between the parts: other white space is what parsers disagree about.

import MizuBytes

extension HeadScanner {
    /// Reads `method SP target SP version CR LF`.
    @inline(__always)
    mutating func readRequestLine(
        into head: inout RequestHead, limits: HTTPLimits
    ) throws(HeadStop) {
        try readMethod(into: &head, limits: limits)
        try readTarget(into: &head, limits: limits)
        try readVersion(into: &head)
        try endLine(else: .badVersion)
        // Judged only now: what is wrong inside a line is said once the line has ended.
        if Int(head.target.count) > limits.targetBytesMax { throw .reject(.targetTooLong) }
        if byte(at: Int(head.target.offset)) == UInt8(ascii: "/") && head.method != .connect {
            return
        }
        try readOtherForm(into: &head)
    }

    @inline(__always)
    private mutating func readMethod(
        into head: inout RequestHead, limits: HTTPLimits
    ) throws(HeadStop) {
        let start = position
        if start + 8 <= end, UInt32(truncatingIfNeeded: word(at: start)) == 0x2054_4547 {
            // "GET ", the first byte lowest.
            head.methodRange = range(start, start + 3)
            position = start + 4
            return
        }
        var at = start
        while at < end, byte(at: at).has(.token) { at += 1 }
        let isTooLong = at - start > limits.methodBytesMax
        guard at < end else { throw isFull && isTooLong ? .reject(.methodTooLong) : more }
        guard byte(at: at) == ASCIIByte.space else { throw fault(.badRequestLine, at: at) }
        if isTooLong { throw fault(.methodTooLong, at: at) }
        head.methodRange = range(start, at)
        head.method = HTTPMethod(bytes(head.methodRange))
        position = at + 1
    }

    /// Reads to the next space; the path ends at the first `?`.
    @inline(__always)
    private mutating func readTarget(
        into head: inout RequestHead, limits: HTTPLimits
    ) throws(HeadStop) {
        let start = position
        var at = start
        while at < end, byte(at: at).has(.path), byte(at: at) != UInt8(ascii: "?") { at += 1 }
        head.path = range(start, at)
        if at < end, byte(at: at) == UInt8(ascii: "?") {
            let queryStart = at + 1
            while at < end, byte(at: at).has(.query) { at += 1 }
            head.query = range(queryStart, at)
        }
        guard at < end else { throw more }
        guard byte(at: at) == ASCIIByte.space else {
            throw fault(isLineEnd(byte(at: at)) ? .badRequestLine : .badTarget, at: at)
        }
        guard at > start else { throw fault(.badRequestLine, at: at) }
        head.target = range(start, at)
        position = at + 1
    }

    private func isLineEnd(_ byte: UInt8) -> Bool {
        byte == ASCIIByte.carriageReturn || byte == ASCIIByte.lineFeed
    }

    @inline(__always)
    private mutating func readVersion(into head: inout RequestHead) throws(HeadStop) {
        guard position + 8 <= end else {
            // Shorter than a version: a line that ends here is a fault, else there is more.
            throw fault(.badVersion, at: position)
        }
        // "HTTP/1." and a digit, the first byte lowest.
        let word = word(at: position)
        guard word & 0xFFFF_FFFF_FFFF_FF == 0x2E_312F_5054_5448 else {
            throw fault(isWellFormedVersion ? .unsupportedVersion : .badVersion, at: position)
        }
        let digit = UInt8(truncatingIfNeeded: word >> 56)
        guard digit == UInt8(ascii: "0") || digit == UInt8(ascii: "1") else {
            throw fault(isWellFormedVersion ? .unsupportedVersion : .badVersion, at: position)
        }
        head.minorVersion = digit &- UInt8(ascii: "0")
        position += 8
    }

    /// `HTTP/` DIGIT `.` DIGIT and then the line's end. Called with eight bytes at `position`.
    private var isWellFormedVersion: Bool {
        guard position + 9 < end, bytes(range(position, position + 5)).equals("HTTP/") else {
            return false
        }
        return ASCII.isDigit(byte(at: position + 5))
            && byte(at: position + 6) == UInt8(ascii: ".")
            && ASCII.isDigit(byte(at: position + 7))
            && byte(at: position + 8) == ASCIIByte.carriageReturn
            && byte(at: position + 9) == ASCIIByte.lineFeed
    }

    // MARK: Targets that do not begin with a slash

    private func readOtherForm(into head: inout RequestHead) throws(HeadStop) {
        let target = bytes(head.target)
        if head.method == .connect {
            try readAuthorityForm(target, into: &head)
        } else if target.equals("*") {
            guard head.method == .options else { throw .reject(.badTarget) }
            head.form = .asterisk
            head.path = .empty
        } else {
            try readAbsoluteForm(target, into: &head)
        }
    }

    /// `host:port`, the port not optional (RFC 9112 §3.2.3).
    private func readAuthorityForm(
        _ target: UnsafeRawBufferPointer, into head: inout RequestHead
    ) throws(HeadStop) {
        guard let parts = HostSyntax(target), parts.port != nil else {
            throw .reject(.badTarget)
        }
        head.form = .authority
        head.host = head.target
        head.path = .empty
        head.query = .empty
    }

    /// `http://host[:port]/path?query` (RFC 9112 §3.2.2). Its authority replaces `Host`.
    private func readAbsoluteForm(
        _ target: UnsafeRawBufferPointer, into head: inout RequestHead
    ) throws(HeadStop) {
        let schemeCount: Int
        if target.startsIgnoringCase("http://") {
            schemeCount = 7
        } else if target.startsIgnoringCase("https://") {
            schemeCount = 8
        } else {
            throw .reject(.badTarget)
        }
        let start = Int(head.target.offset) + schemeCount
        let targetEnd = Int(head.target.offset) + target.count
        var at = start
        while at < targetEnd, byte(at: at) != UInt8(ascii: "/"),
            byte(at: at) != UInt8(ascii: "?")
        {
            at += 1
        }
        // User information and an empty host are errors in http URIs (RFC 9110 §4.2).
        head.host = range(start, at)
        guard HostSyntax(bytes(head.host)) != nil else { throw .reject(.badTarget) }
        head.form = .absolute
        // The path range so far reaches from the scheme to the query.
        let pathEnd = Int(head.path.offset) + Int(head.path.count)
        head.path = at < pathEnd ? range(at, pathEnd) : .empty
    }
}
