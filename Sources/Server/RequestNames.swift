// The name of a request: in its line of the access log, in every 5xx answer and in the line that
// says what went wrong. A trusted proxy may have named it (`X-Request-Id`); from strangers nothing
// is taken, or they could make two requests look like one. A name is no secret: it is 64 bits of a
// sequence that begins at a random place of its worker's, and no two of a sequence are equal.
//
// One worker's thread. A request that needs no name costs nothing here.

import MizuBytes
import MizuEventLoop
import MizuHTTP

/// A worker's names.
struct RequestNames {
    private var state: UInt64

    init() {
        var random = RandomNumbers()
        state = random.next()
    }

    /// 16 hexadecimal digits (SplitMix64: Steele, Lea, Flood 2014).
    mutating func next() -> String {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        let digits = String(mixed, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static let countMax = 64

    /// What a trusted proxy calls a request, where that can stand in a field and in a log's line.
    static func told(_ head: RequestHead, in bytes: UnsafeRawBufferPointer) -> String? {
        guard let value = head.first("x-request-id", in: bytes)?.bytes(in: bytes),
            (1...countMax).contains(value.count), value.allSatisfy(isPlain)
        else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}

extension Worker {
    /// The name of the request whose head is there: its proxy's, if that is trusted.
    func requestName(
        on connection: Connection, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
    ) -> String {
        let told =
            connection.arrival.contains(.viaProxy) ? RequestNames.told(head, in: bytes) : nil
        return told ?? state.pointee.names.next()
    }

    /// What an answer to `request` may need of it later.
    @inline(never)
    func asked(_ request: borrowing Request, on connection: Connection) -> AskedRequest {
        var asked = AskedRequest(request)
        asked.trace = request.traceparent?.traceID
        if let name = accessLines?.name(of: connection.token) {
            asked.name = name
        } else if connection.arrival.contains(.viaProxy) {
            asked.name = RequestNames.told(request.head, in: request.bytesOfHead)
        }
        return asked
    }

    /// Writes an answer of 500 or more that nobody has named yet.
    @inline(never)
    func writeNamed(
        _ response: Response, for context: ResponseContext, to connection: Connection
    ) {
        var named = response
        let name = accessLines?.name(of: connection.token) ?? state.pointee.names.next()
        // Never refused: it is plain text of at most 64 bytes.
        guard (try? named.set("X-Request-Id", name)) != nil else {
            return writeLarge(named, for: context, to: connection)
        }
        write(named, for: context, to: connection)
    }
}
