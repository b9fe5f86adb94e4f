// Which certificate a client gets, what a set of files must be like, tickets that outlive keys and
// reloads, and stapled responses.

import CTLSClient
import Glibc
import MizuBytes
import Testing

@testable import MizuTransport

@Suite("TLS certificates") struct TLSCertificateTests {
    let folder = Folder()

    private func refusal(_ files: TLSFiles) -> String {
        do throws(TLSError) {
            _ = try TLSCertificates(files, ticketKeys: TLSTicketKeys(), now: now())
            return "taken"
        } catch {
            return error.description.replacing(folder.path + "/", with: "")
        }
    }

    @Test("each fault of a file is told in one line that names it")
    func faults() {
        let ca = TestCertificate("Test CA", isCA: true)
        folder.make("fine")
        folder.make("old", begins: -86_400, ends: -3600)
        folder.make("early", begins: 86_400, ends: 172_800)
        folder.make("weak", kind: TC_WEAK_RSA)
        folder.make("other")
        let loose = folder.make("loose", issuer: ca, chain: false)
        tc_save(loose.handle, folder.file("bare.crt"))
        tc_save_key(loose.handle, folder.file("locked.key"), "secret")
        folder.write("nothing here", to: "text.pem")
        folder.write(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "junk.pem")
        func check(_ certificate: String, _ key: String? = nil, _ part: String) {
            let line = refusal(
                TLSFiles(
                    certificates: [folder.file(certificate)],
                    keys: key.map { [folder.file($0)] } ?? []))
            #expect(line.contains(part) && !line.contains("\n"), "\(certificate): \(line)")
        }
        check("absent.pem", nil, "absent.pem cannot be read: No such file")
        check("fine.pem", "absent.key", "absent.key cannot be read: No such file")
        check("weak.pem", nil, "weak.pem is refused by OpenSSL")
        check(
            "fine.pem", "other.pem", "other.pem is not the key of the (first) certificate in fine")
        check("text.pem", nil, "text.pem holds no certificate in PEM form")
        check("junk.pem", nil, "junk.pem holds a certificate that cannot be parsed")
        check("bare.crt", nil, "bare.crt holds no private key in PEM form")
        check("bare.crt", "locked.key", "locked.key holds a key with a password")
        check("fine.pem", nil, "taken")
        check("loose.pem", nil, "taken")
    }

    @Test("one that has lapsed, or is not valid yet, is a warning and keeps nobody down")
    func lapses() throws {
        folder.make("fine", "fine.example")
        folder.make("old", "old.example", begins: -86_400, ends: -3600)
        folder.make("early", "early.example", begins: 86_400, ends: 172_800)
        let loaded = try load(folder, "old.pem", "early.pem", "fine.pem")
        #expect(loaded.warnings.count == 2)
        #expect(loaded.warnings[0].contains("old.pem expired on 20"))
        #expect(loaded.warnings[1].contains("early.pem is not valid before 20"))
        let pair = try TLSPair(TLSEngine(loaded), ClientOptions(name: "fine.example"))
        #expect(pair.handshake())
        #expect(String(cString: tc_peer_name(pair.client)) == "fine.example")
        #expect(throws: Never.self) { try loaded.reloaded(now: now()) }
    }

    @Test("what cannot be loaded is left out, and what was loaded before stays in use")
    func leftOut() throws {
        folder.make("fine", "fine.example")
        folder.make("other", "other.example")
        folder.write("-----BEGIN CERTIFICATE-----\nMII", to: "torn.pem")
        let loaded = try load(folder, "torn.pem", "fine.pem", "other.pem")
        #expect(loaded.warnings.count == 1)
        #expect(loaded.warnings[0].contains("torn.pem"))
        #expect(loaded.warnings[0].hasSuffix("it is left out"))
        #expect(Set(loaded.names) == ["fine.example", "other.example"])
        // A renewal that went wrong: the rest is read, and this one stays.
        folder.write("nothing", to: "other.pem")
        let again = try loaded.reloaded(now: now())
        #expect(again.warnings.count == 2)
        #expect(again.warnings[1].hasSuffix("the certificate that was loaded before stays in use"))
        #expect(Set(again.names) == ["fine.example", "other.example"])
        let pair = try TLSPair(TLSEngine(again), ClientOptions(name: "other.example"))
        #expect(pair.handshake())
        #expect(throws: TLSError.self) { try load(folder, "torn.pem", "other.pem") }
    }

    @Test("where two prove the same name, the one that has not lapsed is shown")
    func lapsedLast() throws {
        folder.make("a-old", "same.example", begins: -86_400, ends: -3600)
        folder.make("b-new", "same.example")
        let loaded = try load(folder, "a-old.pem", "b-new.pem")
        #expect(loaded.loaded.map(\.entry.certificate).last?.hasSuffix("a-old.pem") == true)
        #expect(loaded.lapses(now: now()).count == 1)
    }

    @Test("numbers of files that do not fit are told")
    func counts() {
        let files = TLSFiles(certificates: ["a", "b"], keys: ["c"])
        #expect(refusal(files) == "2 certificates but 1 keys are named")
        #expect(refusal(TLSFiles(certificates: [])) == "no certificate is named")
    }

    @Test("a missing chain is a warning at start, and no reason to give up a set that has it")
    func chain() throws {
        let ca = TestCertificate("Test CA", isCA: true)
        folder.make("a", issuer: ca)
        let whole = try load(folder, "a.pem")
        #expect(whole.warnings == [] && !whole.lacksChain)
        let pair = try TLSPair(TLSEngine(whole))
        #expect(pair.handshake() && tc_chain_count(pair.client) == 2)
        unlink(folder.file("a.pem"))
        folder.make("a", issuer: ca, chain: false)
        #expect(throws: TLSError.self) { try whole.reloaded(now: now()) }
        let loose = try load(folder, "a.pem")
        #expect(loose.lacksChain && loose.warnings.count == 1)
        #expect(loose.warnings[0].contains("a.pem lacks its chain"))
        #expect(throws: Never.self) { try loose.reloaded(now: now()) }
    }

    // MARK: Names

    @Test("the name that a client asks for chooses; the first is for all others")
    func names() throws {
        folder.make("a", "a.example,www.a.example")
        folder.make("b", "b.example,*.b.example")
        let engine = try TLSEngine(load(folder, "a.pem", "b.pem"))
        let table: [(String?, String)] = [
            (nil, "a.example"), ("a.example", "a.example"), ("b.example", "b.example"),
            ("B.Example", "b.example"), ("x.b.example", "b.example"),
            ("x.y.b.example", "a.example"), ("c.example", "a.example"), ("example", "a.example"),
        ]
        for version in [12, 13] as [Int32] {
            for (name, expected) in table {
                let pair = TLSPair(engine, ClientOptions(version: version, name: name))
                #expect(pair.handshake())
                #expect(String(cString: tc_peer_name(pair.client)) == expected, "\(name ?? "none")")
            }
        }
    }

    @Test("RSA and ECDSA stand side by side, and the client's list decides")
    func kinds() throws {
        folder.make("e", "a.example")
        folder.make("r", "a.example", kind: TC_RSA)
        let engine = try TLSEngine(load(folder, "r.pem", "e.pem"))
        for version in [12, 13] as [Int32] {
            let rsa = TLSPair(
                engine, ClientOptions(version: version, signatures: "RSA-PSS+SHA256:RSA+SHA256"))
            #expect(rsa.handshake() && tc_key_kind(rsa.client) == Int32(TC_RSA))
            let ecdsa = TLSPair(
                engine,
                ClientOptions(version: version, name: "a.example", signatures: "ECDSA+SHA256"))
            #expect(ecdsa.handshake() && tc_key_kind(ecdsa.client) == Int32(TC_EC))
        }
    }

    @Test("for each name the first certificate of each kind that covers it")
    func choice() {
        let choice = TLSChoice([
            TLSChoice.Subject(names: ["a", "*.b.c"], keyKind: 1),
            TLSChoice.Subject(names: ["a"], keyKind: 2),
            TLSChoice.Subject(names: ["x.b.c", "a"], keyKind: 2),
            TLSChoice.Subject(names: [], keyKind: 3),
        ])
        #expect(choice.sets == [[0, 1], [0], [0, 2]])
        #expect(choice.names.map(\.name) == ["*.b.c", "a", "x.b.c"])
        #expect(choice.names.map(\.set) == [1, 0, 2])
        #expect(TLSChoice.covers("*.b", "a.b") && !TLSChoice.covers("*.b", "b"))
        #expect(!TLSChoice.covers("*.b", ".b") && !TLSChoice.covers("*.b", "a.a.b"))
    }

    @Test("a directory is read anew each time: pairs by name, or as certbot keeps them")
    func directories() throws {
        let other = Folder()
        let made = TestCertificate("a.example", isCA: false)
        tc_save(made.handle, folder.file("one.crt"))
        tc_save_key(made.handle, folder.file("one.key"), nil)
        folder.make("two")
        let files = TLSFiles(certificates: [folder.path])
        #expect(
            try files.entries().map { $0.key.split(separator: "/").last } == ["one.key", "two.pem"])
        let before = files.stamps()
        #expect(before == files.stamps())
        folder.make("three")
        #expect(before != files.stamps())
        #expect(try files.entries().count == 3)
        tc_save(made.handle, other.file("fullchain.pem"))
        tc_save(made.handle, other.file("cert.pem"))
        tc_save_key(made.handle, other.file("privkey.pem"), nil)
        #expect(try TLSFiles(certificates: [other.path]).entries().count == 1)
        #expect(refusal(TLSFiles(certificates: [other.path])) == "taken")
        #expect(refusal(TLSFiles(certificates: [Folder().path])).contains("cannot be read"))
    }

    // MARK: Tickets

    @Test("tickets outlive two new keys and a reload, not three", arguments: [12, 13] as [Int32])
    func rotation(version: Int32) throws {
        folder.make("a")
        let keys = try TLSTicketKeys()
        let first = try load(folder, "a.pem", keys: keys)
        let engine = try TLSEngine(first)
        let pair = TLSPair(engine, ClientOptions(version: version))
        try #require(pair.handshake())
        _ = pair.hear()
        let session = tc_session(pair.client)
        defer { tc_free_session(session) }
        unlink(folder.file("a.pem"))
        folder.make("a")
        try engine.use(first.reloaded(now: now()))
        for round in 0...3 {
            let again = TLSPair(engine, ClientOptions(version: version), resuming: session)
            #expect(again.handshake())
            #expect(tc_was_resumed(again.client) == (round < 3 ? 1 : 0), "after \(round) keys")
            keys.rotate()
        }
        // Another process's ticket is no ticket of ours.
        let foreign = try TLSEngine(load(folder, "a.pem"))
        let stranger = TLSPair(foreign, ClientOptions(version: version), resuming: session)
        #expect(stranger.handshake() && tc_was_resumed(stranger.client) == 0)
    }

    @Test(
        "a ticket is good for the name that it was given for, and for no other",
        arguments: [12, 13] as [Int32])
    func foreignName(version: Int32) throws {
        folder.make("a", "a.example,www.a.example")
        folder.make("b", "b.example")
        let engine = try TLSEngine(load(folder, "a.pem", "b.pem"))
        func visit(_ name: String?, _ session: UnsafeMutableRawPointer?) -> (TLSPair, Bool) {
            let pair = TLSPair(
                engine, ClientOptions(version: version, name: name), resuming: session)
            #expect(pair.handshake())
            _ = pair.hear()
            return (pair, tc_was_resumed(pair.client) == 1)
        }
        let (first, _) = visit("a.example", nil)
        let session = tc_session(first.client)
        defer { tc_free_session(session) }
        let (other, wasResumed) = visit("b.example", session)
        #expect(!wasResumed && String(cString: tc_peer_name(other.client)) == "b.example")
        // Other names of the same certificate, unknown ones and none are other names too.
        for name in ["www.a.example", "c.example", nil] { #expect(!visit(name, session).1) }
        #expect(visit("a.example", session).1 && visit("A.Example", session).1)
    }

    @Test(
        "a client that uses each ticket once resumes twelve times in a row",
        arguments: Way.allCases)
    func freshTickets(way: Way) throws {
        folder.make("a")
        let engine = try TLSEngine(load(folder, "a.pem"), options: way.options)
        let first = TLSPair(engine, ClientOptions(version: way.version))
        try #require(first.handshake())
        _ = first.hear()
        var session = tc_session(first.client)
        for round in 1...12 {
            let pair = TLSPair(
                engine, ClientOptions(version: way.version), resuming: session)
            #expect(pair.handshake() && tc_was_resumed(pair.client) == 1, "round \(round)")
            // The record layer counts the ticket: what follows it is read.
            pair.say("ping")
            #expect(pair.text == "ping")
            _ = pair.write(Array("pong".utf8))
            pair.pump()
            #expect(pair.heard == "pong")
            if way.version == 13 { #expect(tc_tickets(pair.client) > 0, "round \(round)") }
            tc_free_session(session)
            session = tc_session(pair.client)
        }
        tc_free_session(session)
    }

    @Test("open sessions live on with the certificate that they began with")
    func reload() throws {
        folder.make("a", "old.example")
        let engine = try TLSEngine(load(folder, "a.pem"))
        let open = TLSPair(engine)
        try #require(open.handshake())
        unlink(folder.file("a.pem"))
        folder.make("a", "new.example")
        try engine.use(engine.certificates.reloaded(now: now()))
        open.say("still here")
        #expect(open.text == "still here")
        let new = TLSPair(engine)
        #expect(new.handshake() && String(cString: tc_peer_name(new.client)) == "new.example")
    }

    // MARK: OCSP

    @Test("a good response is stapled; others are left out with a line")
    func stapling() throws {
        let ca = TestCertificate("Test CA", isCA: true)
        let stranger = TestCertificate("Test CA", isCA: true)
        let leaf = folder.make("a", issuer: ca)
        let other = folder.make("b", issuer: ca)
        func response(
            _ name: String, of: TestCertificate, by: TestCertificate, isGood: Bool = true,
            begins: Int64 = -60, ends: Int64 = 3600
        ) {
            let good: Int32 = isGood ? 1 : 0
            tc_save_status(of.handle, by.handle, folder.file(name), good, begins, ends)
        }
        response("good", of: leaf, by: ca)
        response("foreign", of: other, by: ca)
        response("forged", of: leaf, by: stranger)
        response("old", of: leaf, by: ca, begins: -7200, ends: -3600)
        response("bad", of: leaf, by: ca, isGood: false)
        folder.write("text", to: "text")
        let table = [
            ("good", ""), ("foreign", "says nothing about"), ("old", "is out of date"),
            ("bad", "is not good"), ("text", "is not an OCSP response"), ("none", "cannot be read"),
            ("forged", "forged"),
        ]
        for (name, part) in table {
            let loaded = try TLSCertificates(
                TLSFiles(
                    certificates: [folder.file("a.pem")], responses: [folder.file(name)]),
                ticketKeys: TLSTicketKeys(), now: now())
            #expect(loaded.warnings.isEmpty == part.isEmpty, "\(name)")
            #expect(loaded.warnings.allSatisfy { $0.contains(part) }, "\(loaded.warnings)")
            for version in [12, 13] as [Int32] {
                let pair = try TLSPair(
                    TLSEngine(loaded), ClientOptions(version: version, asksStatus: true))
                #expect(pair.handshake())
                #expect((tc_status_count(pair.client) > 0) == (name == "good"))
            }
        }
    }
}
