// The client's role: parses the head of an answer (RFC 9112 §4, §6.3) for `mizu bench`, tests and
// whoever asks another server. As strict as the other direction; `BodyReader` reads the body.
// Does not follow redirects, wait for a final answer behind 1xx, or know what a socket is.

import MizuBytes

/// What an answer's head says, as ranges into the bytes that it was parsed from.
public struct ResponseHead: Sendable {
    public internal(set) var status = HTTPStatus.ok
    public internal(set) var minorVersion: UInt8 = 1
    /// Whether the connection may carry another request.
    public internal(set) var keepsAlive = true
    public internal(set) var framing = BodyFraming.none
    public internal(set) var reason = HeadRange.empty
    public internal(set) var fields: [FieldRange] = []

    public init(fieldsMax: Int = HTTPLimits.default.fieldsMax) {
        fields.reserveCapacity(fieldsMax)
    }

    /// 100 and 103 come before the answer proper; 101 is the answer.
    public var isInterim: Bool { status.code < 200 && status != .switchingProtocols }

    /// The value of the first line named `name` (lower case), compared without case. O(fields).
    /// - Parameter bytes: the buffer that this head was parsed from.
    public func first(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> HeadRange? {
        for field in fields where Int(field.name.count) == name.utf8CodeUnitCount {
            if field.name.bytes(in: bytes).equalsIgnoringCase(name) { return field.value }
        }
        return nil
    }
}

/// Finds an answer's head; holds no state, because a client's peer is not slow on purpose.
public enum ResponseParser {
    /// Parses the head at the start of `input`, from its first byte in every call.
    /// - Parameters:
    ///   - head: overwritten; its ranges count from `input`'s first byte.
    ///   - method: of the request that is answered: a HEAD's answer has no body.
    public static func parse(
        _ input: UnsafeRawBufferPointer, into head: inout ResponseHead,
        answering method: HTTPMethod,
        limits: HTTPLimits = .default
    ) -> HeadOutcome {
        guard let scanner = HeadScanner(input, limits: limits, firstLine: .headTooLarge) else {
            return .needMore
        }
        do throws(HeadStop) {
            return .head(consumed: try parseHead(scanner, &head, method, limits))
        } catch {
            switch error {
            case .needMore: return .needMore
            case .reject(let reject): return .reject(reject)
            }
        }
    }

    private static func parseHead(
        _ input: HeadScanner, _ head: inout ResponseHead, _ method: HTTPMethod,
        _ limits: HTTPLimits
    ) throws(HeadStop) -> Int {
        var scanner = input
        head.fields.removeAll(keepingCapacity: true)
        try scanner.readStatusLine(into: &head)
        var framing = FramingFields()
        while let field = try scanner.nextField() {
            if head.fields.count == limits.fieldsMax { throw .reject(.tooManyFields) }
            head.fields.append(field)
            try framing.note(field, in: scanner)
        }
        try framing.settle(&head, answering: method)
        return scanner.position
    }
}

extension HeadScanner {
    /// `HTTP/1.d SP code SP [ reason ] CR LF` (RFC 9112 §4).
    fileprivate mutating func readStatusLine(into head: inout ResponseHead) throws(HeadStop) {
        guard position + 12 < end else { throw fault(.badStatusLine, at: position) }
        let line = UnsafeRawBufferPointer(start: base + position, count: 13)
        guard line.part(0..<7).equals("HTTP/1."), line[7] == 0x30 || line[7] == 0x31,
            line[8] == ASCIIByte.space, line[9...11].allSatisfy({ ASCII.isDigit($0) })
        else { throw fault(.badStatusLine, at: position) }
        head.minorVersion = line[7] &- 0x30
        var code: UInt16 = 0
        for digit in line.part(9..<12) { code = code * 10 + UInt16(digit &- 0x30) }
        guard let status = HTTPStatus(received: code) else {
            throw fault(.badStatusLine, at: position)
        }
        head.status = status
        position += 12
        // The space belongs there even before an empty reason; servers leave it out all the same.
        if byte(at: position) == ASCIIByte.space { position += 1 }
        let reasonStart = position
        while position < end, byte(at: position).has(.value) { position += 1 }
        head.reason = range(reasonStart, position)
        try endLine(else: .badStatusLine)
    }
}
