// What a client understands of the bytes that a server sends, whatever carries them: answers of
// HTTP and frames of WebSocket, as they are and not as they should be. Its two kinds differ in what
// is below: `RawClient` has a socket, `LoopbackClient` a pipe in memory.

/// How a connection ended, as the peer sees it.
enum Ending: Equatable { case closed, reset, timedOut }

struct RawResponse: Equatable {
    var status = 0
    var head = ""
    var body: [UInt8] = []
    var text: String { String(decoding: body, as: UTF8.self) }
    var closes: Bool { head.lowercased().contains("connection: close") }
}

struct RawFrame: Equatable {
    var opcode: UInt8
    var payload: [UInt8]
    /// RSV1.
    var isCompressed = false
    var text: String { String(decoding: payload, as: UTF8.self) }
    /// The number of a close frame.
    var code: Int { payload.count < 2 ? 0 : Int(payload[0]) << 8 | Int(payload[1]) }
}

class WireClient {
    final var input: [UInt8] = []
    final var ending: Ending?

    /// Sends `bytes`.
    /// - Returns: whether all of them were taken.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool { false }

    /// Appends to `input` what comes next, at most so many bytes; waits for it.
    /// - Returns: false at the end, which is then in `ending`.
    func fill(_ bytesMax: Int = 64 * 1024) -> Bool { false }

    @discardableResult
    final func send(_ text: some StringProtocol) -> Bool { send(Array(text.utf8)) }

    /// Reads once, at most so many bytes, which a later call finds.
    /// - Returns: false at the end, which is then in `ending`.
    final func read(_ bytesMax: Int) -> Bool { fill(bytesMax) }

    private final func take(_ count: Int) -> [UInt8]? {
        while input.count < count { guard fill() else { return nil } }
        defer { input.removeFirst(count) }
        return Array(input[..<count])
    }

    /// What comes next; nil at the end.
    final func some() -> [UInt8]? {
        if input.isEmpty { guard fill() else { return nil } }
        defer { input = [] }
        return input
    }

    /// Everything up to the end.
    final func readToEnd() -> (bytes: [UInt8], ending: Ending?) {
        while fill() {}
        defer { input = [] }
        return (input, ending)
    }

    // MARK: HTTP

    /// One answer; nil where the connection ends before it is whole.
    final func response(toHead: Bool = false) -> RawResponse? {
        let mark: [UInt8] = [13, 10, 13, 10]
        var searched = 0
        while true {
            if let end = find(mark, from: searched) {
                var response = RawResponse()
                response.head = String(decoding: take(end + 4) ?? [], as: UTF8.self)
                response.status =
                    Int(response.head.split(separator: " ").dropFirst().first ?? "") ?? 0
                var length = 0
                for line in response.head.split(separator: "\r\n")
                where line.lowercased().hasPrefix("content-length:") {
                    length = Int(line.dropFirst(15).drop { $0 == " " }) ?? 0
                }
                if toHead || response.status == 101 { length = 0 }
                guard let body = take(length) else { return nil }
                response.body = body
                return response
            }
            searched = max(0, input.count - 3)
            guard fill() else { return nil }
        }
    }

    private final func find(_ mark: [UInt8], from start: Int) -> Int? {
        guard input.count >= mark.count else { return nil }
        for index in start..<max(start, input.count - mark.count + 1)
        where input[index] == mark[0] && input[index..<index + mark.count].elementsEqual(mark) {
            return index
        }
        return nil
    }

    final func get(_ path: String, fields: String = "") -> RawResponse? {
        send("GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        return response()
    }

    // MARK: WebSocket

    static let upgradeRequest =
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

    final func upgrade() -> Bool {
        send(Self.upgradeRequest)
        return response()?.status == 101
    }

    /// Offers `extensions` as well.
    /// - Returns: the head of the answer.
    final func upgrade(offering extensions: String) -> String? {
        send(
            Self.upgradeRequest.dropLast() + "Sec-WebSocket-Extensions: \(extensions)\r\n\r\n")
        return response().flatMap { $0.status == 101 ? $0.head : nil }
    }

    /// A masked frame; `first` is the first byte: FIN, and the opcode.
    static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = [first]
        switch payload.count {
        case ..<126: bytes.append(0x80 | UInt8(payload.count))
        case ..<65536:
            bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(0x80 | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        let key: [UInt8] = [1, 2, 3, 4]
        bytes += key
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ key[index & 3]) }
        return bytes
    }

    @discardableResult
    final func say(_ text: String) -> Bool { send(Self.frame(0x81, Array(text.utf8))) }

    final func sendClose(_ code: Int) {
        send(Self.frame(0x88, [UInt8(code >> 8), UInt8(code & 255)]))
    }

    /// The next frame; nil at the end.
    final func frame() -> RawFrame? {
        guard let head = take(2) else { return nil }
        var count = Int(head[1] & 0x7F)
        if count == 126 {
            guard let more = take(2) else { return nil }
            count = Int(more[0]) << 8 | Int(more[1])
        } else if count == 127 {
            guard let more = take(8) else { return nil }
            count = more.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let payload = take(count) else { return nil }
        return RawFrame(
            opcode: head[0] & 0x0F, payload: payload, isCompressed: head[0] & 0x40 != 0)
    }
}
