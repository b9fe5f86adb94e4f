// Registrations and sign-ins: signed answers are taken or refused by the rule that is named, and no
// change of their bytes traps anything or is taken.

import MizuBytes
import MizuTestSupport
import Testing

@testable import MizuWebAuthn

@Suite("Passkeys (WebAuthn level 2 §7)")
struct CeremonyTests {
    private let party = RelyingParty(name: "Shop", origins: ["https://shop.example"])
    private let challenge = [UInt8](0..<32)

    private func register(
        _ json: String, for party: RelyingParty? = nil
    ) throws -> Result<PasskeyCredential, WebAuthnRefusal> {
        let value = try JSON.parse(ByteSlice(json))
        do throws(WebAuthnRefusal) {
            let response = try RegistrationResponse(value)
            return .success(try response.verify(challenge: challenge, for: party ?? self.party))
        } catch {
            return .failure(error)
        }
    }

    private func signIn(
        _ json: String, by credentials: [PasskeyCredential], for party: RelyingParty? = nil
    ) throws -> Result<PasskeyCredential, WebAuthnRefusal> {
        let value = try JSON.parse(ByteSlice(json))
        do throws(WebAuthnRefusal) {
            let response = try AssertionResponse(value)
            guard let credential = credentials.first(where: { $0.id == response.id }) else {
                throw .wrongCredential
            }
            return .success(
                try response.verify(
                    challenge: challenge, by: credential, of: "ann", for: party ?? self.party))
        } catch {
            return .failure(error)
        }
    }

    /// What the registrations of both kinds gave, the second seen six times.
    private func credentials() throws -> [PasskeyCredential] {
        let es256 = try register(Answer.registrations[0].json).get()
        var edDSA = try register(Answer.registrations[1].json).get()
        edDSA.counter = 6
        return [es256, edDSA]
    }

    @Test("a registration is taken, or refused by its rule", arguments: Answer.registrations)
    func registrations(answer: Answer) throws {
        switch try register(answer.json) {
        case .success(let credential):
            #expect(answer.refusal == nil)
            #expect(credential.id.string.hasPrefix("credential-of-ann-"))
        case .failure(let refusal): #expect(refusal == answer.refusal)
        }
    }

    @Test("a sign-in is taken with its counter, or refused by its rule", arguments: Answer.signIns)
    func signIns(answer: Answer) throws {
        switch try signIn(answer.json, by: credentials()) {
        case .success(let credential):
            #expect(answer.refusal == nil)
            #expect(credential.counter == (answer.name.contains("EdDSA") ? 7 : 0))
        case .failure(let refusal): #expect(refusal == answer.refusal)
        }
    }

    @Test("a site may take what is not verified, and attestations that it does not judge")
    func rules() throws {
        var loose = party
        loose.requiresVerification = false
        loose.takesOtherAttestations = true
        for answer in Answer.registrations {
            let isAllowed = [.userNotVerified, .attestation].contains(answer.refusal)
            let result = try register(answer.json, for: loose)
            switch result {
            case .success: #expect(answer.refusal == nil || isAllowed, "\(answer.name)")
            case .failure(let refusal): #expect(refusal == answer.refusal && !isAllowed)
            }
        }
    }

    @Test("a signature by another key, for other data, or cut short is refused")
    func signatures() throws {
        let all = try credentials()
        let foreign = PasskeyCredential(
            id: all[0].id, publicKey: all[1].publicKey, counter: 0, isBackupEligible: true,
            isBackedUp: true)
        let json = Answer.signIns[0].json
        #expect(throws: WebAuthnRefusal.badSignature) { try signIn(json, by: [foreign]).get() }
        #expect(throws: WebAuthnRefusal.wrongCredential) { try signIn(json, by: [all[1]]).get() }
        for answer in Answer.signIns.prefix(2) {
            let value = try JSON.parse(ByteSlice(answer.json))
            let response = try #require(value.member("response"))
            for name in ["signature", "authenticatorData", "clientDataJSON"] {
                let text = try #require(response.member(named: ByteSlice(name))?.string)
                var bytes = try #require(Base64.decode(Array(text.utf8), alphabet: .url))
                let short = Base64.encode(Array(bytes.dropLast()), alphabet: .url)
                bytes[bytes.count / 2] ^= 1
                let other = Base64.encode(bytes, alphabet: .url)
                for changed in [short, other] {
                    let changed = String(decoding: changed, as: UTF8.self)
                    let result = try signIn(answer.json.replacing(text, with: changed), by: all)
                    #expect(throws: WebAuthnRefusal.self, "\(name)") { try result.get() }
                }
            }
        }
    }

    @Test("20,000 answers changed at random trap nothing, and none of them is taken for another")
    func fuzz() throws {
        let all = try credentials()
        var random = SeededGenerator(seed: 2)
        let attestations = try Answer.registrations.prefix(3).map { answer in
            let response = try JSON.parse(ByteSlice(answer.json)).member("response")
            return try #require(response?.member("attestationObject")?.base64URLBytes)
        }
        for round in 0..<20_000 {
            // The bytes of the attestation, and of the JSON around both ceremonies.
            var bytes = attestations[round % 3]
            for _ in 0...random.next(below: 4) {
                bytes[random.next(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if round % 4 == 0 { bytes.removeLast(random.next(below: bytes.count)) }
            let text = String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
            let answer = Answer.registrations[round % 3]
            let value = try JSON.parse(ByteSlice(answer.json))
            let whole = try #require(
                value.member("response")?.member("attestationObject")?.string)
            _ = try register(answer.json.replacing(whole, with: text))
            guard round % 10 == 0 else { continue }
            var json = Array(Answer.signIns[round % 20 / 10].json.utf8)
            json[random.next(below: json.count)] = UInt8(truncatingIfNeeded: random.next())
            guard let changed = try? JSON.parse(ByteSlice(json)) else { continue }
            _ = try signIn(changed.bytes.string, by: all)
        }
    }

    @Test("a challenge opens for its purpose, its subject and its time alone")
    func challenges() throws {
        let seal = ChallengeSeal(key: [UInt8](repeating: 9, count: 32))
        let now: Int64 = 1_790_000_000_000
        let note = seal.note(of: challenge, for: .registration, subject: "ann", now: now)
        let end = now + ChallengeSeal.lifeMilliseconds
        let opened = try seal.open(note, for: .registration, subject: "ann", now: end - 1)
        #expect(opened == .init(bytes: challenge, untilMilliseconds: end))
        #expect(throws: WebAuthnRefusal.lateChallenge) {
            try seal.open(note, for: .registration, subject: "ann", now: end)
        }
        #expect(throws: WebAuthnRefusal.wrongChallenge) {
            try seal.open(note, for: .signIn, subject: "ann", now: now)
        }
        #expect(throws: WebAuthnRefusal.wrongChallenge) {
            try seal.open(note, for: .registration, subject: "bob", now: now)
        }
        let other = ChallengeSeal(key: [UInt8](repeating: 8, count: 32))
        #expect(throws: WebAuthnRefusal.wrongChallenge) {
            try other.open(note, for: .registration, subject: "ann", now: now)
        }
        for index in 0..<note.utf8.count {
            var changed = Array(note.utf8)
            changed[index] = changed[index] == 0x41 ? 0x42 : 0x41
            let text = String(decoding: changed, as: UTF8.self)
            #expect(throws: WebAuthnRefusal.self) {
                try seal.open(text, for: .registration, subject: "ann", now: now)
            }
        }
        for text in ["", "A", "é", String(repeating: "A", count: 100_000)] {
            #expect(throws: WebAuthnRefusal.wrongChallenge) {
                try seal.open(text, for: .registration, subject: "ann", now: now)
            }
        }
    }

    @Test("the questions name the site and the algorithms, and escape what people call themselves")
    func options() throws {
        let creation = try JSON.parse(
            party.creationOptions(
                challenge: challenge, handle: "ann", userName: "ann@shop.example",
                displayName: "</script>\"Ann\"", excluding: ["abc"]))
        #expect(creation.member("rp")?.member("id")?.string == "shop.example")
        #expect(creation.member("user")?.member("displayName")?.string == "</script>\"Ann\"")
        #expect(!creation.bytes.string.contains("</script>"))
        let algorithms = creation.member("pubKeyCredParams")?.elements.map { $0.member("alg") }
        #expect(algorithms?.map { $0?.double } == [-7, -8])
        let request = try JSON.parse(party.requestOptions(challenge: challenge))
        #expect(request.member("rpId")?.string == "shop.example")
        #expect(request.member("challenge")?.base64URLBytes == challenge)
    }
}

extension JSONValue {
    fileprivate var base64URLBytes: [UInt8]? {
        utf8.flatMap { Base64.decode($0.array, alphabet: .url) }
    }
}
