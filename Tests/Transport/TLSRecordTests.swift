// The record layer of our own: what it must refuse and with which alert, in whole and byte by byte,
// what it must take, keys that change, and the step from OpenSSL's handshake to it. Records that no
// client would send are forged with a real client's keys.

import CTLSClient
import Glibc
import MizuBytes
import Testing

@testable import MizuTransport

@Suite("The record layer of our own (RFC 8446 §4.6.3, §5, §6)") struct TLSRecordTests {
    let folder = Folder()
    let certificates: TLSCertificates
    let engine: TLSEngine

    init() throws {
        folder.make("a")
        certificates = try load(folder, "a.pem")
        engine = try TLSEngine(certificates)
    }

    static let keyUpdate: [UInt8] = [24, 0, 0, 1, 0]

    /// A pair after its handshake, nothing on its way.
    func established(_ suite: String? = nil) throws -> TLSPair {
        let pair = TLSPair(engine, ClientOptions(suites: suite))
        try #require(pair.handshake())
        guard case .channel = pair.session.layer else {
            Issue.record("OpenSSL still has the session")
            return pair
        }
        return pair
    }

    // MARK: What is refused

    /// Bytes of a peer, and the alert that they call for.
    struct Refused: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let alert: Int32
        let bytes: @Sendable (TLSPair) -> [UInt8]
    }

    static let refused: [Refused] = {
        func forged(
            _ name: String, _ alert: Int32, _ type: Int32, _ content: [UInt8], padding: Int = 0
        ) -> Refused {
            Refused(testDescription: name, alert: alert) {
                $0.forge(type, content, padding: padding)
            }
        }
        func raw(_ name: String, _ alert: Int32, _ bytes: [UInt8]) -> Refused {
            Refused(testDescription: name, alert: alert) { _ in bytes }
        }
        let large = [UInt8](repeating: 65, count: 16_384)
        return [
            raw("change_cipher_spec", 10, [20, 3, 3, 0, 1, 1]),
            raw("an alert that is not sealed", 10, [21, 3, 3, 0, 2, 2, 40]),
            raw("a handshake message that is not sealed", 10, [22, 3, 3, 0, 5] + keyUpdate),
            raw(
                "a type that nobody knows", 10,
                [99, 3, 3, 0, 20] + [UInt8](repeating: 1, count: 20)),
            raw("2^14 + 257 bytes", 22, [23, 3, 3, 0x41, 0x01]),
            raw("65,535 bytes", 22, [23, 3, 3, 0xFF, 0xFF]),
            raw("no byte at all", 20, [23, 3, 3, 0, 0]),
            raw("less than a tag", 20, [23, 3, 3, 0, 15] + [UInt8](repeating: 0, count: 15)),
            raw("a tag of zeros", 20, [23, 3, 3, 0, 16] + [UInt8](repeating: 0, count: 16)),
            raw("sealed by nobody", 20, [23, 3, 3, 0, 40] + [UInt8](repeating: 7, count: 40)),
            forged("nothing inside", 10, -1, []),
            forged("zeros alone", 10, -1, [], padding: 100),
            forged("as many zeros as fit", 10, -1, [], padding: 16_385),
            forged("type 0 with content", 10, -1, [0, 0, 0]),
            forged("a sealed change_cipher_spec", 10, 20, [1]),
            forged("type 24", 10, 24, [1]),
            forged("type 255", 10, 255, [1]),
            forged("2^14 + 1 bytes of content", 22, 23, large + [65]),
            forged("one byte of padding too many", 22, 23, large, padding: 1),
            forged("a zero too many", 22, -1, [], padding: 16_386),
            forged("an empty handshake record", 10, 22, []),
            forged("an empty handshake record with padding", 10, 22, [], padding: 9),
            forged("a ClientHello", 10, 22, [1, 0, 0, 1, 0]),
            forged("a NewSessionTicket", 10, 22, [4, 0, 0, 1, 0]),
            forged("a Finished", 10, 22, [20, 0, 0, 32] + [UInt8](repeating: 0, count: 32)),
            forged("a certificate nobody asked for", 10, 22, [11, 0, 0, 4, 0, 0, 0, 0]),
            forged("a KeyUpdate of no byte", 50, 22, [24, 0, 0, 0]),
            forged("a KeyUpdate of two", 50, 22, [24, 0, 0, 2, 0, 0]),
            forged("a KeyUpdate of 2^16", 50, 22, [24, 1, 0, 0, 0]),
            forged("a KeyUpdate that asks for 2", 47, 22, [24, 0, 0, 1, 2]),
            forged("a KeyUpdate and a byte", 10, 22, keyUpdate + [24]),
            forged("two in one record", 10, 22, keyUpdate + keyUpdate),
            Refused(testDescription: "data inside of a KeyUpdate", alert: 10) {
                $0.forge(22, [24, 0]) + $0.forge(23, [65])
            },
            Refused(testDescription: "an alert inside of a KeyUpdate", alert: 10) {
                $0.forge(22, [24, 0, 0, 1]) + $0.forge(21, [1, 0])
            },
            Refused(testDescription: "the old key behind a KeyUpdate", alert: 20) {
                $0.forge(22, keyUpdate) + $0.forge(23, [65])
            },
            forged("an empty alert", 10, 21, []),
            forged("half an alert", 50, 21, [1]),
            forged("two alerts in one record", 50, 21, [1, 0, 1, 0]),
            Refused(testDescription: "a record that comes twice", alert: 20) {
                let record = $0.forge(22, [24])
                return record + record
            },
            Refused(testDescription: "a record that is missing", alert: 20) {
                _ = $0.forge(23, [65])
                return $0.forge(23, [66])
            },
            Refused(testDescription: "another version in the header", alert: 20) {
                var record = $0.forge(23, [65])
                record[2] = 1
                return record
            },
            Refused(testDescription: "33 empty records", alert: 10) { pair in
                (0..<33).flatMap { _ in pair.forge(23, []) }
            },
            Refused(testDescription: "33 times user_canceled", alert: 10) { pair in
                (0..<33).flatMap { _ in pair.forge(21, [1, 90]) }
            },
            Refused(testDescription: "33 KeyUpdates", alert: 10) { pair in
                (0..<33).flatMap { _ in
                    defer { tc_forge_next_keys(pair.client) }
                    return pair.forge(22, keyUpdate)
                }
            },
        ]
    }()

    @Test("what must not come ends the session with its alert", arguments: refused, [0, 1, 7])
    func refusal(of case: Refused, portion: Int) throws {
        let pair = try established()
        let bytes = `case`.bytes(pair)
        var rest = bytes[...]
        while !rest.isEmpty, pair.serverEnd == nil {
            // Large records byte by byte would take a while and show nothing new.
            let part = rest.prefix(portion == 0 ? .max : max(portion, rest.count - 2000))
            rest = rest.dropFirst(part.count)
            pair.sendRaw(Array(part))
            pair.readAll()
        }
        #expect(pair.serverEnd == "failed" && pair.session.hasFailed && pair.received.isEmpty)
        #expect(pair.session.unread == nil)
        pair.readServer()
        #expect(pair.serverEnd == "failed")
        guard case .failed = pair.write([65]) else {
            Issue.record("written behind the end")
            return
        }
        pair.session.sayGoodbye()
        pair.feedClient(pair.receiveRaw())
        _ = pair.hear()
        #expect(tc_alert(pair.client) == `case`.alert)
    }

    @Test(
        "every byte of a record may be wrong, with every suite: an alert, and no word of it",
        arguments: suites)
    func spoilt(suite: String) throws {
        for index in 0..<27 {
            let pair = try established(suite)
            var record = pair.forge(23, Array("hello".utf8))
            try #require(record.count == 27)
            record[index] ^= 0x40
            pair.sendRaw(record)
            pair.readAll()
            // A length that says more than there is makes the session wait for the rest.
            #expect(pair.serverEnd == ((3...4).contains(index) ? nil : "failed"))
            #expect(pair.received.isEmpty)
        }
    }

    @Test("a fatal alert of the peer ends the session, and nothing answers it", arguments: [1, 2])
    func fatalAlert(level: UInt8) throws {
        let pair = try established()
        pair.sendRaw(pair.forge(23, [65]) + pair.forge(21, [level, 40]) + pair.forge(23, [66]))
        pair.readAll()
        pair.readServer()
        #expect(pair.text == "A" && pair.serverEnd == "failed" && pair.session.unsentBytes == 0)
        _ = pair.receiveRaw()
        pair.session.sayGoodbye()
        #expect(pair.receiveRaw().isEmpty)
    }

    // MARK: What is taken

    @Test("padding is stripped, empty records and user_canceled are passed over")
    func fine() throws {
        let pair = try established()
        let large = [UInt8](repeating: 66, count: 16_384)
        var sent: [UInt8] = []
        for round in 0..<3 {
            for _ in 0..<32 { sent += pair.forge(23, [], padding: round) }
            sent += pair.forge(23, [65, 0, 0], padding: round * 100)
            for _ in 0..<16 { sent += pair.forge(21, [1, 90]) + pair.forge(23, []) }
            sent += pair.forge(23, large)
            sent += pair.forge(23, [67], padding: 16_383)
        }
        var rest = sent[...]
        while !rest.isEmpty {
            pair.sendRaw(Array(rest.prefix(10_000)))
            rest = rest.dropFirst(10_000)
            pair.readAll()
        }
        let round = [65, 0, 0] + large + [67]
        #expect(pair.received == round + round + round && pair.serverEnd == nil)
        pair.sendRaw(pair.forge(21, [1, 90]) + pair.forge(21, [2, 0]) + pair.forge(23, [65]))
        pair.readAll()
        if pair.serverEnd == nil { pair.readServer() }
        #expect(pair.serverEnd == "ended" && pair.session.peerHasClosed && !pair.session.hasFailed)
        #expect(pair.received.count == 3 * round.count, "nothing counts behind close_notify")
    }

    @Test("a KeyUpdate may come in pieces, and the answer is one", arguments: 1...4)
    func pieces(first: Int) throws {
        let pair = try established()
        for _ in 0..<3 {
            let message: [UInt8] = [24, 0, 0, 1, 1]
            pair.sendRaw(pair.forge(22, Array(message[..<first]), padding: first))
            pair.readAll()
            pair.sendRaw(pair.forge(22, Array(message[first...])))
            tc_forge_next_keys(pair.client)
            pair.sendRaw(pair.forge(23, [65]))
            pair.readAll()
            _ = pair.write([66])
            pair.feedClient(pair.receiveRaw())
            #expect(pair.heard == "B")
        }
        #expect(pair.text == "AAA" && tc_key_updates(pair.client) == 3)
    }

    @Test("whoever asks for new keys again and again and does not read is owed one answer")
    func owedOnce() throws {
        let pair = TLSPair(engine, sendBytes: 4096)
        try #require(pair.handshake())
        while case .sent = pair.write([UInt8](repeating: 65, count: 1000)) {}
        let waiting = pair.session.unsentBytes
        for _ in 0..<2000 {
            pair.sendRaw(pair.forge(22, [24, 0, 0, 1, 1]))
            tc_forge_next_keys(pair.client)
            pair.sendRaw(pair.forge(23, [65]))
            pair.readAll()
        }
        #expect(pair.received.count == 2000 && pair.session.unsentBytes == waiting)
        while pair.session.unsentBytes > 0 {
            pair.feedClient(pair.receiveRaw())
            _ = pair.write()
        }
        _ = pair.write([66])
        pair.feedClient(pair.receiveRaw())
        #expect(pair.hear().bytes.last == 66 && tc_key_updates(pair.client) == 1)
    }

    static let suites = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ]

    @Test("every suite carries words of every length both ways, and new keys", arguments: suites)
    func suite(name: String) throws {
        let pair = try established(name)
        for count in Array(1...70) + [255, 2047, 2048, 2049, 16_383, 16_384, 16_385, 70_000] {
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
            pair.received = []
            pair.say(message)
            #expect(pair.received == message)
            guard case .sent(count) = pair.write(message) else {
                Issue.record("not sent")
                return
            }
            pair.pump()
            #expect(pair.hear().bytes == message)
            if count % 10 == 0 {
                #expect(tc_key_update(pair.client, count % 20 == 0 ? 1 : 0) == 1)
                pair.pump()
            }
        }
        #expect(tc_key_updates(pair.client) == 3)
    }

    @Test("sessions take turns with one worker's keys, and one that ends takes none of another's")
    func turns() throws {
        var pairs = try (0..<200).map { try established(Self.suites[$0 % 3]) }
        for round in 0..<4 {
            for (index, pair) in pairs.enumerated() {
                let word = Array("\(round) \(index)".utf8)
                pair.received = []
                pair.say(word)
                _ = pair.write(word)
                pair.pump()
                #expect(pair.received == word && pair.hear().bytes == word)
                if (index + round) % 7 == 0 {
                    _ = tc_key_update(pair.client, 1)
                    pair.pump()
                }
            }
            for index in stride(from: round, to: pairs.count, by: 5) {
                pairs[index] = try established(Self.suites[index % 3])
            }
        }
    }

    // MARK: The step from the handshake

    @Test("Finished and requests behind it may be split anywhere, or not at all")
    func everySplit() throws {
        var split = 0
        while true {
            let pair = TLSPair(engine)
            _ = tc_handshake(pair.client)
            pair.sendRaw(pair.takeFromClient())
            pair.readAll()
            _ = pair.write()
            pair.feedClient(pair.receiveRaw())
            try #require(tc_handshake(pair.client) == 1)
            _ = tc_write(pair.client, "first", 5)
            _ = tc_write(pair.client, "second", 6)
            let bytes = pair.takeFromClient()
            if split > bytes.count { return }
            for part in [bytes[..<split], bytes[split...]] where !part.isEmpty {
                pair.sendRaw(Array(part))
                pair.readAll()
            }
            #expect(pair.text == "firstsecond" && pair.session.unread == nil)
            // The tickets stand before it: the number of their records is right.
            _ = pair.write(Array("answer".utf8))
            pair.feedClient(pair.receiveRaw())
            #expect(pair.heard == "answer" && tc_tickets(pair.client) == 2)
            split += 1
        }
    }

    @Test("a part of a record is kept while it is one, and no longer")
    func parts() throws {
        let pair = try established()
        let message = [UInt8](repeating: 65, count: 16_384)
        for portion in [1, 1000, 16_000] {
            var rest = pair.forge(23, message)[...]
            while rest.count > portion {
                pair.sendRaw(Array(rest.prefix(portion)))
                rest = rest.dropFirst(portion)
                pair.readAll()
                #expect(pair.session.unread != nil)
            }
            pair.sendRaw(Array(rest))
            pair.readAll()
            #expect(pair.session.unread == nil && pair.received.count == message.count)
            pair.received = []
        }
    }

    // MARK: The use of a key (§5.5)

    /// A pair whose keys are used up after four records.
    func shortLived() throws -> TLSPair {
        var options = TLSOptions()
        options.keyRecordsMax = 4
        let pair = TLSPair(try TLSEngine(certificates, options: options))
        try #require(pair.handshake())
        return pair
    }

    @Test("a key that has sealed its number of records is replaced, however they are made")
    func sealedRecords() throws {
        let pair = try shortLived()
        for round in 0..<10 {
            _ = pair.write([65])
            let queue = SendQueue()
            queue.append(ByteSlice([UInt8](repeating: 66, count: 10)))
            queue.append(ByteSlice([UInt8](repeating: 67, count: 40_000)))
            _ = pair.write([68], then: queue)
            pair.pump()
            #expect(pair.hear().bytes.count == 40_012, "round \(round)")
        }
        // Two tickets, and four records for each round.
        #expect(tc_key_updates(pair.client) == 10)
    }

    @Test("a peer is asked for a new key in time")
    func openedRecords() throws {
        let pair = try shortLived()
        for _ in 0..<40 {
            pair.say("a")
            _ = pair.write([66])
            pair.pump()
            #expect(pair.heard == "B")
        }
        #expect(pair.received.count == 40 && pair.serverEnd == nil)
        #expect(tc_key_updates(pair.client) >= 8)
    }

    @Test("a peer that does not hear it is cut off")
    func usedUp() throws {
        let pair = try shortLived()
        for _ in 0..<8 { pair.sendRaw(pair.forge(23, [65])) }
        pair.readAll()
        #expect(pair.received.count == 8 && pair.serverEnd == nil)
        pair.sendRaw(pair.forge(23, [65]))
        pair.readAll()
        #expect(pair.received.count == 8 && pair.serverEnd == "failed")
        pair.session.sayGoodbye()
        pair.feedClient(pair.receiveRaw())
        _ = pair.hear()
        #expect(tc_alert(pair.client) == 80 && tc_key_updates(pair.client) == 1)
    }
}
