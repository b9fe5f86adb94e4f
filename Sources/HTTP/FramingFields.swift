// The fields that decide where a message ends, who is asked, and what becomes of the connection
// (RFC 9112 §3.2, §6, §7.1, §9; RFC 9110 §7.8, §10.1.1). Gathered while lines are read, judged
// at the end of the head. This is where request smuggling is refused.

import MizuBytes

struct FramingFields {
    private var contentLength: Int?
    private var transferEncoding = TransferEncoding.absent
    private var host: HeadRange?
    private var connection: ConnectionOptions = []
    private var hasUpgrade = false
    private var expectsContinue = false

    private enum TransferEncoding {
        case absent, chunked
    }

    private struct ConnectionOptions: OptionSet {
        let rawValue: UInt8
        static let close = ConnectionOptions(rawValue: 1)
        static let keepAlive = ConnectionOptions(rawValue: 2)
        static let upgrade = ConnectionOptions(rawValue: 4)
    }

    /// Looks at one complete line. Most names are told apart by length and first letter alone.
    @inline(__always)
    mutating func note(_ field: FieldRange, in scanner: HeadScanner) throws(HeadStop) {
        // A name has at least one byte.
        let letter = scanner.byte(at: Int(field.name.offset)) | 0x20
        switch (field.name.count, letter) {
        case (4, UInt8(ascii: "h")) where scanner.isNamed("host", field):
            if host != nil { throw .reject(.repeatedHost) }
            host = field.value
        case (10, UInt8(ascii: "c")) where scanner.isNamed("connection", field):
            noteConnection(scanner.bytes(field.value))
        case (14, UInt8(ascii: "c")), (17, UInt8(ascii: "t")), (7, UInt8(ascii: "u")),
            (6, UInt8(ascii: "e")):
            try noteRare(field, in: scanner)
        default: return
        }
    }

    private mutating func noteRare(
        _ field: FieldRange, in scanner: HeadScanner
    ) throws(HeadStop) {
        if scanner.isNamed("content-length", field) {
            // Equal repetitions are refused too: what is written twice is read in two ways.
            if contentLength != nil { throw .reject(.repeatedContentLength) }
            contentLength = try FramingFields.length(scanner.bytes(field.value))
        } else if scanner.isNamed("transfer-encoding", field) {
            guard transferEncoding == .absent else { throw .reject(.badTransferEncoding) }
            try FramingFields.checkCoding(scanner.bytes(field.value))
            transferEncoding = .chunked
        } else if scanner.isNamed("upgrade", field) {
            hasUpgrade = hasUpgrade || !field.value.isEmpty
        } else if scanner.isNamed("expect", field) {
            guard scanner.bytes(field.value).equalsIgnoringCase("100-continue") else {
                throw .reject(.unsupportedExpectation)
            }
            expectsContinue = true
        } else if FramingFields.isFramingWithUnderscore(scanner.bytes(field.name)) {
            // A name of its own here; whoever hands fields on as variables takes it for the other.
            throw .reject(.badFieldName)
        }
    }

    private static func isFramingWithUnderscore(_ name: UnsafeRawBufferPointer) -> Bool {
        name.equalsIgnoringCase("content_length") || name.equalsIgnoringCase("transfer_encoding")
    }

    private mutating func noteConnection(_ value: UnsafeRawBufferPointer) {
        // What nearly every client says, before the general way.
        if value.equals("keep-alive") {
            connection.insert(.keepAlive)
            return
        }
        value.forEachPart(UInt8(ascii: ",")) { option in
            if option.equalsIgnoringCase("close") { connection.insert(.close) }
            if option.equalsIgnoringCase("keep-alive") { connection.insert(.keepAlive) }
            if option.equalsIgnoringCase("upgrade") { connection.insert(.upgrade) }
            return true
        }
    }

    // MARK: Judging

    /// Completes `head` after its last line, or refuses the whole.
    @inline(__always)
    func settle(_ head: inout RequestHead, in scanner: HeadScanner) throws(HeadStop) {
        if let host {
            guard HostSyntax.accepts(scanner.bytes(host)) else { throw .reject(.badHost) }
            // A target in absolute form names the host itself. An origin server must ignore `Host`
            // then (RFC 9112 §3.2.2), as proxies do that replace it (same section): whoever judges
            // by the other one of two names does not speak HTTP/1.1. The field must still be there
            // once and be well-formed.
            if head.host.isEmpty { head.host = host }
        } else if head.minorVersion == 1 {
            throw .reject(.missingHost)
        }
        head.framing = try framing(minorVersion: head.minorVersion)
        head.saysKeepAlive = connection.contains(.keepAlive)
        if head.minorVersion == 1 {
            head.keepsAlive = !connection.contains(.close)
            // HTTP/1.0 proxies hand these on unread (RFC 9110 §7.8 and §10.1.1).
            head.expectsContinue = expectsContinue
            head.wantsUpgrade = hasUpgrade && connection.contains(.upgrade)
        } else {
            head.keepsAlive = connection.contains(.keepAlive) && !connection.contains(.close)
        }
        if head.method == .connect { head.keepsAlive = false }
    }

    /// Completes an answer's head (RFC 9112 §6.3) to a request with `method`.
    func settle(_ head: inout ResponseHead, answering method: HTTPMethod) throws(HeadStop) {
        let declared = try framing(minorVersion: head.minorVersion)
        if method == .head || head.status.isAlwaysWithoutContent {
            head.framing = .none
        } else {
            head.framing = declared == .none ? .untilClose : declared
        }
        if head.minorVersion == 1 {
            head.keepsAlive = !connection.contains(.close)
        } else {
            head.keepsAlive = connection.contains(.keepAlive) && !connection.contains(.close)
        }
        if head.framing == .untilClose { head.keepsAlive = false }
    }

    /// RFC 9112 §6.3. An HTTP/1.0 message with a transfer coding has faulty framing (§6.1).
    private func framing(minorVersion: UInt8) throws(HeadStop) -> BodyFraming {
        switch (transferEncoding, contentLength) {
        case (.absent, nil): return .none
        case (.absent, .some(let length)): return .length(length)
        case (.chunked, nil):
            guard minorVersion == 1 else { throw .reject(.badTransferEncoding) }
            return .chunked
        case (.chunked, .some): throw .reject(.lengthAndTransferEncoding)
        }
    }

    /// One decimal number: no list, no sign, no leading zero, nothing beyond `Int`.
    static func length(_ value: UnsafeRawBufferPointer) throws(HeadStop) -> Int {
        guard value.count == 1 || value.first != UInt8(ascii: "0"),
            let length = ASCII.decimal(value)
        else { throw .reject(.badContentLength) }
        return length
    }

    /// Exactly `chunked` is served. A well-formed list that ends in it is 501, all else 400.
    static func checkCoding(_ value: UnsafeRawBufferPointer) throws(HeadStop) {
        if value.equalsIgnoringCase("chunked") { return }
        var (isWellFormed, chunkedCount, endsChunked) = (true, 0, false)
        value.forEachPart(UInt8(ascii: ",")) { coding in
            endsChunked = coding.equalsIgnoringCase("chunked")
            if endsChunked { chunkedCount += 1 }
            isWellFormed = isWellFormed && coding.allSatisfy { $0.has(.token) }
            return isWellFormed
        }
        guard isWellFormed, endsChunked, chunkedCount == 1,
            value.last != UInt8(ascii: ","), value.first != UInt8(ascii: ",")
        else { throw .reject(.badTransferEncoding) }
        throw .reject(.unsupportedTransferCoding)
    }
}
