// Handshakes, records and ends of our TLS sessions against a stock OpenSSL client: every version,
// every split, keys that change, peers that spoil things at every stage.

import CTLSClient
import Glibc
import MizuBytes
import Testing

@testable import MizuTransport

@Suite("TLS sessions (RFC 5246, RFC 8446)") struct TLSSessionTests {
    let folder = Folder()
    let certificates: TLSCertificates
    /// For what is all before the records.
    let engine: TLSEngine

    init() throws {
        folder.make("a")
        certificates = try load(folder, "a.pem")
        engine = try TLSEngine(certificates)
    }

    /// A session that is made in this way, and its client.
    func pair(
        _ way: Way, resuming session: UnsafeMutableRawPointer? = nil, sendBytes: Int32? = nil
    ) throws -> TLSPair {
        TLSPair(
            try TLSEngine(certificates, options: way.options),
            ClientOptions(version: way.version, protocols: "\u{8}http/1.1"), resuming: session,
            sendBytes: sendBytes)
    }

    @Test("a full handshake, words both ways", arguments: Way.allCases, [1, 7, .max])
    func full(way: Way, portion: Int) throws {
        let pair = try pair(way)
        pair.portion = portion
        #expect(pair.handshake())
        #expect(tc_version(pair.client) == way.version)
        #expect(String(cString: tc_protocol(pair.client)) == "http/1.1")
        #expect(tc_tickets(pair.client) == (way == .tls12 ? 1 : 0), "1.3's come with a read")
        pair.say("question")
        #expect(pair.text == "question")
        guard case .sent(6) = pair.write(Array("answer".utf8)) else {
            Issue.record("not sent")
            return
        }
        pair.pump()
        #expect(pair.heard == "answer")
        #expect(tc_tickets(pair.client) == (way == .tls12 ? 1 : 2))
        #expect(pair.session.unsentBytes == 0 && !pair.session.wasResumed)
    }

    @Test("a client comes back with its ticket", arguments: Way.allCases)
    func resumed(way: Way) throws {
        let first = try pair(way)
        try #require(first.handshake())
        _ = first.hear()
        let session = tc_session(first.client)
        defer { tc_free_session(session) }
        let second = try pair(way, resuming: session)
        try #require(second.handshake())
        #expect(tc_was_resumed(second.client) == 1 && second.session.wasResumed)
        second.say("again")
        #expect(second.text == "again")
    }

    @Test(
        "the last words of the handshake and the first of the client may come together",
        arguments: Way.tls13)
    func together(way: Way) throws {
        let pair = try pair(way)
        _ = tc_handshake(pair.client)
        pair.sendRaw(pair.takeFromClient())
        pair.readAll()
        #expect(!pair.session.isEstablished && pair.session.unsentBytes > 500)
        _ = pair.write()
        pair.feedClient(pair.receiveRaw())
        #expect(tc_handshake(pair.client) == 1)
        _ = tc_write(pair.client, "first", 5)
        pair.sendRaw(pair.takeFromClient())
        // One read takes both, and the tickets wait for the answer.
        guard case .bytes(5, left: .none) = pair.readServer() else {
            Issue.record("not in one read")
            return
        }
        #expect(pair.session.isEstablished && pair.session.unsentBytes > 0)
        _ = pair.write(Array("answer".utf8))
        pair.feedClient(pair.receiveRaw())
        #expect(pair.heard == "answer" && tc_tickets(pair.client) == 2)
    }

    @Test(
        "a large message goes through rooms of every size",
        arguments: Way.allCases, [1, 100, 5000, 65_536])
    func rooms(way: Way, room: Int) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        let message = (0..<(room == 1 ? 3000 : 100_000)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.room = room
        pair.say(message)
        #expect(pair.received == message)
    }

    @Test("records that are split anywhere come out whole", arguments: Way.allCases)
    func splits(way: Way) throws {
        for portion in [1, 2, 3, 4, 5, 6, 20, 21, 22, 23, 1000] {
            let pair = try pair(way)
            try #require(pair.handshake())
            pair.portion = portion
            _ = tc_write(pair.client, "one", 3)
            _ = tc_write(pair.client, "two", 3)
            pair.pump()
            #expect(pair.text == "onetwo")
        }
    }

    @Test("pieces that wait together leave in one record", arguments: Way.tls13)
    func gathering(way: Way) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        _ = pair.receiveRaw()
        let queue = SendQueue()
        for _ in 0..<50 { queue.append(ByteSlice([UInt8](repeating: 66, count: 100))) }
        guard case .sent(5010) = pair.write([UInt8](repeating: 65, count: 10), then: queue) else {
            Issue.record("not all was sent")
            return
        }
        let wire = pair.receiveRaw()
        // One header of 5 bytes, the content type and the tag (RFC 8446 §5.2).
        #expect(wire.count == 5 + 5010 + 1 + 16)
        pair.feedClient(wire)
        #expect(pair.hear().bytes.count == 5010)
    }

    @Test(
        "what the kernel does not take waits as ciphertext, and all of it comes in order",
        arguments: Way.tls13)
    func fullSocket(way: Way) throws {
        let pair = try pair(way, sendBytes: 4096)
        try #require(pair.handshake())
        let queue = SendQueue()
        let message = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 >> 8) }
        for start in stride(from: 0, to: message.count, by: 12_345) {
            queue.append(ByteSlice(Array(message[start..<min(start + 12_345, message.count)])))
        }
        var (heard, blocked): ([UInt8], Int) = ([], 0)
        for _ in 0..<10_000 where queue.bytes > 0 || pair.session.unsentBytes > 0 {
            switch pair.write([], then: queue) {
            case .sent(let count): queue.advance(sent: count)
            case .blocked(let count):
                queue.advance(sent: count)
                blocked += 1
                #expect(pair.session.unsentBytes > 0)
                #expect(pair.session.unsentBytes <= TLSSession.roundBytesMax + 20_000)
            case .failed: Issue.record("failed")
            }
            pair.feedClient(pair.receiveRaw())
            heard += pair.hear().bytes
        }
        pair.feedClient(pair.receiveRaw())
        heard += pair.hear().bytes
        #expect(blocked > 0 && heard == message)
    }

    @Test(
        "keys change, with and without an answer asked for",
        arguments: Way.tls13, [0, 1] as [Int32])
    func keyUpdate(way: Way, asks: Int32) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        for round in 0..<5 {
            #expect(tc_key_update(pair.client, asks) == 1)
            pair.pump()
            pair.say("\(round)")
            _ = pair.write(Array("\(round)".utf8))
            pair.pump()
            #expect(pair.heard == "\(round)")
        }
        #expect(pair.text == "01234")
    }

    @Test(
        "whoever asks for new keys without end and reads nothing is cut off",
        arguments: Way.tls13)
    func keyUpdateFlood(way: Way) throws {
        let pair = try pair(way, sendBytes: 4096)
        try #require(pair.handshake())
        for _ in 0..<30_000 where pair.serverEnd == nil {
            _ = tc_key_update(pair.client, 1)
            pair.sendRaw(pair.takeFromClient())
            pair.readAll()
            // The worker's flush at the end of each tick, until the socket is full.
            if pair.session.unsentBytes < 1000 { _ = pair.write() }
        }
        #expect(pair.serverEnd == "failed")
        #expect(pair.session.unsentBytes <= TLSSession.unaskedBytesMax + 1000)
    }

    @Test(
        "of ours a session that waits takes 64 bytes; all buffers are the engine's",
        arguments: Way.allCases)
    func footprint(way: Way) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        pair.say("question")
        _ = pair.write(Array("answer".utf8))
        // With the word that malloc keeps for itself, in its steps of 16. Not `malloc_usable_size`:
        // a piece that was free before may be one step larger than what was asked for.
        #expect((instanceSize(TLSSession.self) + 8 + 15) & ~15 <= 64)
        #expect(pair.session.unsent == nil && pair.session.unread == nil)
        switch pair.session.layer {
        case .none: Issue.record("no keys")
        case .session: #expect(way != .own)
        // How much that one takes is asserted where it is (Record.c).
        case .channel: #expect(way == .own)
        }
    }

    // MARK: Ends

    @Test("the peer's close_notify is an end; ours comes back", arguments: Way.allCases)
    func closeNotify(way: Way) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        _ = tc_write(pair.client, "last", 4)
        tc_close(pair.client)
        pair.sendRaw(pair.takeFromClient())
        pair.readAll()
        #expect(pair.text == "last" && pair.serverEnd == "ended" && !pair.session.hasFailed)
        // What was asked is still answered.
        _ = pair.write(Array("answer".utf8))
        pair.transport.shutdownWrite()
        pair.feedClient(pair.receiveRaw())
        let (bytes, end) = pair.hear()
        #expect(String(decoding: bytes, as: UTF8.self) == "answer" && end == 0)
    }

    @Test(
        "an end without close_notify is an end too, and half of a record is dropped",
        arguments: Way.allCases)
    func truncation(way: Way) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        _ = tc_write(pair.client, "whole", 5)
        _ = tc_write(pair.client, "broken", 6)
        pair.sendRaw(Array(pair.takeFromClient().dropLast(3)))
        pair.closePeer()
        pair.readAll()
        if pair.serverEnd == nil { pair.readServer() }
        #expect(pair.text == "whole" && pair.serverEnd == "ended")
    }

    @Test("after our end what comes is thrown away", arguments: Way.allCases)
    func lingering(way: Way) throws {
        let pair = try pair(way)
        try #require(pair.handshake())
        pair.transport.shutdownWrite()
        _ = tc_write(pair.client, "late", 4)
        pair.sendRaw(pair.takeFromClient())
        guard case .bytes(let count, left: .none) = pair.readServer() else {
            Issue.record("not read")
            return
        }
        #expect(count > 4 && pair.text != "late")
        _ = pair.receiveRaw()
        pair.closePeer()
        pair.readServer()
        #expect(pair.serverEnd == "ended")
    }

    @Test(
        "no close_notify is said where something before it is missing", arguments: Way.allCases)
    func noFalseEnd(way: Way) throws {
        let pair = try pair(way, sendBytes: 4096)
        try #require(pair.handshake())
        while case .sent = pair.write([UInt8](repeating: 65, count: 50_000)) {}
        pair.session.sayGoodbye()
        pair.closePeer()
    }

    // MARK: What is refused

    @Test(
        "garbage at every stage gives an alert, not a crash",
        arguments: [0, 1, 2, 3] as [Int], Way.allCases)
    func garbage(stage: Int, way: Way) throws {
        let pair = try pair(way)
        _ = tc_handshake(pair.client)
        if stage > 0 {
            pair.sendRaw(pair.takeFromClient())
            pair.readAll()
            _ = pair.write()
            pair.feedClient(pair.receiveRaw())
            _ = tc_handshake(pair.client)
        }
        switch stage {
        case 2:
            // The client's last flight, spoilt in its last byte.
            var flight = pair.takeFromClient()
            flight[flight.count - 1] ^= 1
            pair.sendRaw(flight)
        case 3:
            pair.pump()
            _ = tc_write(pair.client, "x", 1)
            var record = pair.takeFromClient()
            record[record.count - 1] ^= 1
            pair.sendRaw(record)
        default: pair.sendRaw([22, 3, 3, 0, 200] + [UInt8](repeating: 0xEE, count: 200))
        }
        pair.readAll()
        #expect(pair.serverEnd == "failed" && pair.session.hasFailed)
        #expect(pair.session.unsentBytes > 0, "an alert waits")
        pair.session.sayGoodbye()
        let sent = pair.receiveRaw()
        #expect(!sent.isEmpty)
        pair.feedClient(sent)
        _ = tc_handshake(pair.client)
        _ = pair.hear()
        #expect(tc_alert(pair.client) > 0)
    }

    @Test("every byte of a ClientHello may be wrong: an alert, an end or a handshake, no crash")
    func spoiltHello() {
        let whole = TLSPair(engine)
        _ = tc_handshake(whole.client)
        let hello = whole.takeFromClient()
        for index in hello.indices {
            for bit in [0x01, 0x80] as [UInt8] {
                let pair = TLSPair(engine)
                var bytes = hello
                bytes[index] ^= bit
                pair.sendRaw(bytes)
                pair.readAll()
                #expect(pair.received.isEmpty && !pair.session.isEstablished)
            }
        }
    }

    @Test("a request in plain HTTP is known as such, and nothing of TLS is said")
    func plainHTTP() {
        let pair = TLSPair(engine)
        pair.sendRaw(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        pair.readAll()
        #expect(pair.session.isPlainHTTP && pair.serverEnd == "failed")
        #expect(pair.session.unsentBytes == 0)
    }

    @Test("TLS 1.0 and 1.1 get the alert protocol_version (70)", arguments: [10, 11] as [Int32])
    func oldVersions(version: Int32) {
        let pair = TLSPair(engine, ClientOptions(version: version))
        #expect(!pair.handshake())
        pair.session.sayGoodbye()
        pair.pump()
        #expect(tc_alert(pair.client) == 70)
    }

    @Test(
        "suites and groups outside Mozilla's intermediate profile are refused",
        arguments: [
            ClientOptions(version: 12, ciphers: "ECDHE-ECDSA-AES128-SHA"),
            ClientOptions(version: 12, ciphers: "ECDHE-ECDSA-AES128-SHA256"),
            ClientOptions(version: 12, ciphers: "AES128-GCM-SHA256"),
            ClientOptions(version: 12, ciphers: "DHE-RSA-AES128-GCM-SHA256"),
            ClientOptions(version: 13, groups: "P-521"), ClientOptions(version: 13, groups: "X448"),
        ])
    func refusedSuites(options: ClientOptions) {
        let pair = TLSPair(engine, options)
        #expect(!pair.handshake())
        #expect(pair.session.hasFailed)
    }

    @Test(
        "those of the profile are taken",
        arguments: [
            ClientOptions(version: 12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256"),
            ClientOptions(version: 12, ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ClientOptions(version: 12, ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305"),
            ClientOptions(version: 12, groups: "P-256"),
            ClientOptions(version: 13, groups: "P-256"),
            ClientOptions(version: 13, groups: "P-384"),
            ClientOptions(version: 13, groups: "X25519"),
            // The client guesses wrongly and is asked again (HelloRetryRequest).
            ClientOptions(version: 13, groups: "P-521:P-384"),
        ])
    func takenSuites(options: ClientOptions) {
        #expect(TLSPair(engine, options).handshake())
    }

    @Test("a client that speaks only other protocols gets no_application_protocol (120)")
    func foreignProtocol() {
        let pair = TLSPair(engine, ClientOptions(protocols: "\u{2}h2"))
        #expect(!pair.handshake())
        pair.session.sayGoodbye()
        pair.pump()
        #expect(tc_alert(pair.client) == 120)
        #expect(TLSPair(engine, ClientOptions(protocols: "\u{2}h2\u{8}http/1.1")).handshake())
    }
}

/// What an object of a class takes, its header included: the standard library's own function.
@_silgen_name("$ss36_class_getInstancePositiveExtentSizeySiyXlXpF")
private func instanceSize(_ type: AnyClass) -> Int
