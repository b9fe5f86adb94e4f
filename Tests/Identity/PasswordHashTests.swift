// Passwords: their hashes, the thread that makes them, the order in which they wait, and which are
// taken at all. Hashes here are as weak as the function allows, so that they cost nothing.

import CLinux
import MizuBytes
import MizuEventLoop
import Synchronization
import Testing

@testable import MizuIdentity

@Suite("Hashes of passwords (RFC 9106, PHC string format)")
struct PasswordHashTests {
    private static func hash(_ password: String) throws -> PasswordHash {
        try #require(PasswordHash.make(Array(password.utf8), .weakest))
    }

    @Test("a hash matches its password, and no other")
    func matches() throws {
        let hash = try Self.hash("correct horse")
        #expect(hash.matches(Array("correct horse".utf8)) == true)
        #expect(hash.matches(Array("correct horsf".utf8)) == false)
        #expect(hash.matches([]) == false)
    }

    @Test("a hash survives its text, and two hashes of one password differ")
    func text() throws {
        let hash = try Self.hash("correct horse")
        #expect(hash.text.hasPrefix("$argon2id$v=19$m=8,t=1,p=1$"))
        #expect(PasswordHash(hash.text) == hash)
        #expect(try Self.hash("correct horse") != hash)
    }

    @Test("a hash that the argon2 command has made is read, and matches")
    func foreign() throws {
        // printf 'password' | argon2 somesalt -id -t 2 -k 64 -p 1 -l 24 -e
        let text = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$"
        let salt = Array("somesalt".utf8)
        #expect(PasswordHash(text + String(repeating: "A", count: 32)) != nil)
        #expect(Base64.encode(salt).starts(with: Array("c29tZXNhbHQ".utf8)))
    }

    @Test(
        "what is no hash, or asks for too much, is not taken",
        arguments: [
            "", "$", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ", "argon2id",
            "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=99999999999999999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=4000000000,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=-8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c2$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$A*",
        ])
    func refused(text: String) {
        #expect(PasswordHash(text) == nil)
    }

    @Test("what a log would say of a hash holds nothing of it")
    func description() throws {
        let hash = try Self.hash("correct horse")
        #expect("\(hash)" == "argon2id m=8,t=1,p=1")
    }

    // MARK: The thread

    /// Asks the hasher and waits for its answer.
    private static func verify(
        _ hasher: PasswordHasher, _ password: String, _ hash: PasswordHash?
    ) async -> Result<Bool, PasswordHasher.Refusal> {
        await withCheckedContinuation { continuation in
            hasher.verify(password, against: hash, for: 1) { continuation.resume(returning: $0) }
        }
    }

    @Test("an unknown name is hashed like a known one, and never matches")
    func stranger() async throws {
        let hasher = try PasswordHasher(.weakest)
        try hasher.start()
        defer { hasher.stop() }
        let hash = try Self.hash("correct horse")
        #expect(await Self.verify(hasher, "correct horse", hash) == .success(true))
        #expect(hasher.hashCount == 1)
        #expect(await Self.verify(hasher, "wrong", hash) == .success(false))
        #expect(hasher.hashCount == 2)
        #expect(await Self.verify(hasher, "correct horse", nil) == .success(false))
        #expect(hasher.hashCount == 3)
    }

    @Test("hashing gives way to event loops, and nobody else does")
    func niceness() async throws {
        let hasher = try PasswordHasher(.weakest)
        try hasher.start()
        defer { hasher.stop() }
        // An answer comes on the thread.
        let found = await withCheckedContinuation { continuation in
            hasher.verify("guess", against: nil, for: 1) { _ in
                continuation.resume(returning: cl_thread_nice(0))
            }
        }
        #expect(found == min(19, cl_thread_nice(0) + 10))
    }

    @Test("a storm is refused beyond the queue's end, and another address still gets its turn")
    func storm() async throws {
        // Not started yet: everything waits, so the counts are exact.
        let hasher = try PasswordHasher(.weakest, waitingMax: 64, sourceMax: 8)
        let answers = Mutex<[Result<Bool, PasswordHasher.Refusal>]>([])
        for _ in 0..<10_000 {
            hasher.verify("guess", against: nil, for: 7) { answer in
                answers.withLock { $0.append(answer) }
            }
        }
        #expect(hasher.waitingCount == 8)
        #expect(answers.withLock { $0.count } == 9_992)
        #expect(
            answers.withLock { all in
                all.allSatisfy {
                    if case .failure(.busy(let seconds)) = $0 { return seconds >= 1 }
                    return false
                }
            })
        try hasher.start()
        defer { hasher.stop() }
        #expect(await Self.verify(hasher, "guess", nil) == .success(false))
        #expect(hasher.hashCount <= 9)
    }

    // MARK: The queue

    @Test("sources take turns")
    func turns() {
        var queue = HashQueue<String>(waitingMax: 10, sourceMax: 5)
        for work in ["a1", "a2", "a3"] { _ = queue.add(work, from: 1) }
        _ = queue.add("b1", from: 2)
        _ = queue.add("c1", from: 3)
        var order: [String] = []
        while let work = queue.next() { order.append(work) }
        #expect(order == ["a1", "b1", "c1", "a2", "a3"])
        #expect(queue.waiting == 0)
    }

    @Test("a newcomer takes a place from the source that has the most, and never the last of one")
    func displaced() {
        var queue = HashQueue<Int>(waitingMax: 4, sourceMax: 4)
        for work in 0..<4 { _ = queue.add(work, from: 1) }
        guard case .takenInPlace(of: let other) = queue.add(10, from: 2) else {
            Issue.record("the newcomer has no place")
            return
        }
        #expect(other == 3)
        _ = queue.add(20, from: 3)
        // Two, one, one: nobody has so many that a place could be taken.
        guard case .takenInPlace(of: 1) = queue.add(30, from: 4) else {
            Issue.record("the source with two kept both")
            return
        }
        guard case .refused = queue.add(40, from: 5) else {
            Issue.record("somebody lost their only place")
            return
        }
        #expect(queue.waiting == 4)
        var left: [Int] = []
        while let work = queue.next() { left.append(work) }
        #expect(left == [0, 10, 20, 30])
    }
}

@Suite("Which passwords are taken (NIST SP 800-63B)")
struct PasswordRulesTests {
    @Test(
        "those that everybody tries first are refused",
        arguments: [
            "password", "Password1", "P@ssw0rd", "passw0rd!", "12345678", "123456789", "1234567890",
            "qwertyuiop", "qwerty123", "iloveyou", "sunshine", "princess1", "football", "baseball",
            "welcome1", "letmein123", "trustno1", "superman", "dragon123", "monkey12", "abcd1234",
            "1q2w3e4r", "1qaz2wsx", "asdfghjkl", "zxcvbnm1", "11111111", "aaaaaaaa", "abcabcabc",
            "admin123", "Admin2024!", "changeme", "passwort", "hallo123", "schatz01", "summer2024",
            "87654321", "qwertyqwerty", "123123123", "starwars", "michael1", "jordan23", "20041212",
        ])
    func common(password: String) {
        #expect(PasswordRules().objection(to: password) == .common)
    }

    @Test(
        "others are taken, passphrases and other scripts too",
        arguments: [
            "correct horse battery staple", "tr0ub4dor&3x", "Vq8#nL2pWz", "ананас на столе",
            "gurkensalat mit dill", "xkcd-936-rules", "ein langer satz",
        ])
    func taken(password: String) {
        #expect(PasswordRules().objection(to: password) == nil)
    }

    @Test("a password is as long as it must be, and no longer than it may be")
    func length() {
        #expect(PasswordRules().objection(to: "k2#vLq9") == .tooShort(countMin: 8))
        // Eight characters of more bytes.
        #expect(PasswordRules().objection(to: "привётик") == nil)
        #expect(PasswordRules().objection(to: String(repeating: "xy7", count: 400)) == .tooLong)
    }

    @Test("a person's name or address is no password")
    func personal() {
        let rules = PasswordRules()
        #expect(rules.objection(to: "anneliese7", personal: ["Anneliese"]) == .personal)
        #expect(rules.objection(to: "hurtz-1970", personal: ["hurtz"]) == nil)
        #expect(rules.objection(to: "ab-lantern-fog", personal: ["ab"]) == nil)
    }
}
