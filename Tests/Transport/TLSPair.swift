// A TLS session of ours and a stock OpenSSL client, joined by a socket pair; the test carries the
// client's bytes, so that it can split, spoil and withhold them. And certificates in a folder.

import CTLSClient
import Glibc
import MizuBytes
import MizuTransport
import Testing

/// Certificates on disk, made once for all tests of this room.
final class Folder {
    let path: String

    init() {
        var template = Array("/tmp/mizu-tls-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nowhere"
    }

    deinit {
        for name in names() { unlink(path + "/" + name) }
        rmdir(path)
    }

    func names() -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    names.append(String(cString: $0))
                }
            }
        }
        return names
    }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ text: String, to name: String) {
        let file = fopen(self.file(name), "w")
        fputs(text, file)
        fclose(file)
    }

    /// Writes certificate and key to `NAME.pem`, and the issuer behind them.
    @discardableResult
    func make(
        _ name: String, _ names: String = "localhost", kind: Int = TC_EC, begins: Int64 = -3600,
        ends: Int64 = 86_400, issuer: TestCertificate? = nil, chain: Bool = true
    ) -> TestCertificate {
        let made = TestCertificate(
            names, kind: kind, begins: begins, ends: ends, isCA: false, issuer: issuer)
        tc_save(made.handle, file(name + ".pem"))
        if let issuer, chain { tc_save(issuer.handle, file(name + ".pem")) }
        tc_save_key(made.handle, file(name + ".pem"), nil)
        return made
    }
}

final class TestCertificate {
    let handle: OpaquePointer

    init(
        _ names: String, kind: Int = TC_EC, begins: Int64 = -3600, ends: Int64 = 86_400,
        isCA: Bool, issuer: TestCertificate? = nil
    ) {
        handle = tc_make(names, Int32(kind), begins, ends, isCA ? 1 : 0, issuer?.handle)
    }

    deinit { tc_free_certificate(handle) }
}

func now() -> Int64 { Int64(time(nil)) }

func load(
    _ folder: Folder, _ names: String..., keys: TLSTicketKeys? = nil
) throws -> TLSCertificates {
    try TLSCertificates(
        TLSFiles(certificates: names.map(folder.file)), ticketKeys: keys ?? TLSTicketKeys(),
        now: now())
}

/// The version, and who seals once hands are shaken: a test of sessions runs with each.
enum Way: CaseIterable {
    case tls12, openSSL, own

    static let tls13: [Way] = [.openSSL, .own]

    var version: Int32 { self == .tls12 ? 12 : 13 }
    var options: TLSOptions {
        var options = TLSOptions()
        options.recordLayer = self == .openSSL ? .openSSL : .own
        return options
    }
}

/// What a client is to be like.
struct ClientOptions {
    var version: Int32 = 13
    var name: String?
    var protocols: String?
    var signatures: String?
    var ciphers: String?
    var suites: String?
    var groups: String?
    var asksStatus = false
}

final class TLSPair {
    let session: TLSSession
    let transport: Transport
    let client: OpaquePointer
    private let peer: Int32
    /// Bytes of the client that are handed on at once.
    var portion = Int.max
    /// Bytes that a read of the server has room for.
    var room = 64 * 1024
    /// Plaintext that the server got.
    var received: [UInt8] = []
    var serverEnd: String?

    init(
        _ engine: TLSEngine, _ options: ClientOptions = ClientOptions(),
        resuming session: UnsafeMutableRawPointer? = nil, sendBytes: Int32? = nil
    ) {
        var ends: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        if var bytes = sendBytes { setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, 4) }
        self.session = TLSSession(ends[0], engine: engine)
        transport = .tls(self.session)
        peer = ends[1]
        func text(_ value: String?, _ body: (UnsafePointer<CChar>?) -> Void) {
            if let value { value.withCString(body) } else { body(nil) }
        }
        var made: OpaquePointer?
        text(options.name) { name in
            text(options.protocols) { protocols in
                text(options.signatures) { signatures in
                    text(options.ciphers) { ciphers in
                        text(options.suites) { suites in
                            text(options.groups) { groups in
                                var all = tc_options(
                                    version: options.version, name: name, protocols: protocols,
                                    signatures: signatures, ciphers: ciphers, suites: suites,
                                    groups: groups, asks_status: options.asksStatus ? 1 : 0)
                                made = tc_new(&all)
                            }
                        }
                    }
                }
            }
        }
        guard let made else { fatalError("no client") }
        client = made
        if let session { tc_set_session(made, session) }
    }

    deinit {
        tc_free(client)
        close(session.descriptor)
        closePeer()
    }

    private var peerIsOpen = true

    func closePeer() {
        if peerIsOpen { close(peer) }
        peerIsOpen = false
    }

    // MARK: Bytes

    /// Bytes from the peer's side as they are.
    func sendRaw(_ bytes: [UInt8]) { _ = send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// What the server's side has sent.
    func receiveRaw() -> [UInt8] {
        var room = [UInt8](repeating: 0, count: 1 << 20)
        let count = recv(peer, &room, room.count, 0)
        return count > 0 ? Array(room[..<count]) : []
    }

    /// What the client has made and not sent.
    func takeFromClient() -> [UInt8] {
        var room = [UInt8](repeating: 0, count: 1 << 20)
        let count = tc_take(client, &room, room.count)
        return Array(room[..<count])
    }

    func feedClient(_ bytes: [UInt8]) { tc_feed(client, bytes, bytes.count) }

    /// One read of the server.
    @discardableResult
    func readServer() -> Transport.ReadOutcome {
        var bytes = [UInt8](repeating: 0, count: room)
        let outcome = bytes.withUnsafeMutableBytes { transport.read(into: $0) }
        switch outcome {
        case .bytes(let count, _): received += bytes[..<count]
        case .wouldBlock: break
        case .ended: serverEnd = "ended"
        case .failed: serverEnd = "failed"
        }
        return outcome
    }

    /// Reads until the socket is empty, as a worker does.
    func readAll() {
        for _ in 0..<100_000 {
            guard serverEnd == nil, case .bytes(_, left: .perhaps) = readServer() else { return }
        }
        Issue.record("reading does not end")
    }

    func write(_ bytes: [UInt8] = [], then queue: SendQueue? = nil) -> Transport.WriteOutcome {
        bytes.withUnsafeBytes { transport.write($0, then: queue) }
    }

    /// Carries bytes both ways until neither has more.
    func pump() {
        for _ in 0..<100 {
            var rest = takeFromClient()[...]
            var moved = !rest.isEmpty
            while !rest.isEmpty {
                let part = rest.prefix(portion)
                rest = rest.dropFirst(part.count)
                sendRaw(Array(part))
                readAll()
            }
            if session.unsentBytes > 0 { _ = write() }
            let answer = receiveRaw()
            if !answer.isEmpty {
                moved = true
                feedClient(answer)
            }
            if !moved { return }
            if tc_alert(client) < 0 { _ = tc_handshake(client) }
        }
        Issue.record("the two do not come to rest")
    }

    /// - Returns: whether both sides are done.
    @discardableResult
    func handshake() -> Bool {
        _ = tc_handshake(client)
        pump()
        return session.isEstablished && tc_handshake(client) == 1
    }

    // MARK: Plaintext of the client

    func say(_ text: String) { say(Array(text.utf8)) }

    func say(_ bytes: [UInt8]) {
        #expect(tc_write(client, bytes, bytes.count) == 1)
        pump()
    }

    /// Everything that the client can read now; nil at the end behind it.
    func hear() -> (bytes: [UInt8], end: Int?) {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = tc_read(client, &room, room.count)
            guard count > 0 else { return (all, count == -1 ? nil : count) }
            all += room[..<count]
        }
    }

    /// A record sealed with the client's keys, whatever is in it.
    func forge(_ type: Int32, _ content: [UInt8], padding: Int = 0) -> [UInt8] {
        var room = [UInt8](repeating: 0, count: content.count + padding + 22)
        let count = tc_forge(client, type, content, content.count, padding, &room)
        return Array(room[..<count])
    }

    var heard: String { String(decoding: hear().bytes, as: UTF8.self) }
    var text: String { String(decoding: received, as: UTF8.self) }
}
