// Sessions: tokens, the cache with its endings, the limits, and the limiter of tries.

import MizuBytes
import MizuEventLoop
import Testing

@testable import MizuIdentity

@Suite("Tokens of sessions")
struct SessionTokenTests {
    @Test("a token survives its text, and is told by nothing else")
    func text() throws {
        let token = SessionToken.random()
        #expect(token.text.utf8.count == SessionToken.textCount)
        #expect(SessionToken(token.text) == token)
        #expect(SessionToken.random() != token)
        #expect(token.hash.utf8.count == 64)
        #expect(token.credential == String(token.hash.prefix(32)))
        #expect(!"\(token)".contains(token.text))
    }

    @Test("the bits are those of base 64 for URLs")
    func bits() throws {
        for _ in 0..<50 {
            let bytes = Randomness.bytes(32)
            let text = String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
            #expect(SessionToken(text) == SessionToken(bytes))
            #expect(SessionToken(bytes).text == text)
            #expect(SessionToken(bytes).hash == SHA256.digest(bytes).hex)
        }
    }

    @Test("no other text is a token, and no token has two texts")
    func refused() {
        let text = String(repeating: "A", count: 43)
        #expect(SessionToken(text) != nil)
        #expect(SessionToken(String(text.dropLast())) == nil)
        #expect(SessionToken(text + "A") == nil)
        #expect(SessionToken(String(text.dropLast()) + "B") == nil)
        #expect(SessionToken(String(text.dropLast()) + "=") == nil)
        #expect(SessionToken("") == nil)
    }
}

@Suite("Sessions in memory")
struct SessionCacheTests {
    private static func session(_ user: String, _ token: SessionToken) -> KnownSession {
        KnownSession(
            user: user, credential: token.credential, createdMilliseconds: 0, seenMilliseconds: 0)
    }

    private static func ticket(
        _ cache: SessionCache, _ token: SessionToken
    ) throws -> SessionCache.Ticket {
        guard case .unknown(let ticket) = cache.find(token) else {
            throw StoppedEarly()
        }
        return ticket
    }

    private struct StoppedEarly: Error {}

    @Test("what was found is known from then on, and what ended is not")
    func life() throws {
        let cache = SessionCache()
        let (ann, bob) = (SessionToken.random(), SessionToken.random())
        #expect(cache.keep(Self.session("ann", ann), for: ann, try Self.ticket(cache, ann)))
        #expect(cache.keep(Self.session("bob", bob), for: bob, try Self.ticket(cache, bob)))
        guard case .known(let found) = cache.find(ann) else {
            Issue.record("a session that was kept is not known")
            return
        }
        #expect(found.user == "ann")
        #expect(cache.end { $0.user == "ann" }.map(\.credential) == [ann.credential])
        _ = try Self.ticket(cache, ann)
        guard case .known = cache.find(bob) else {
            Issue.record("another user's session has ended too")
            return
        }
    }

    @Test("a look-up that began before an ending brings nothing back")
    func race() throws {
        let cache = SessionCache()
        let token = SessionToken.random()
        let ticket = try Self.ticket(cache, token)
        cache.end { $0.user == "ann" }
        #expect(!cache.keep(Self.session("ann", token), for: token, ticket))
        _ = try Self.ticket(cache, token)
    }

    @Test("a token of no session is refused without another look-up")
    func refused() throws {
        let cache = SessionCache()
        let token = SessionToken.random()
        #expect(cache.keep(nil, for: token, try Self.ticket(cache, token)))
        guard case .refused = cache.find(token) else {
            Issue.record("the token is looked up again")
            return
        }
    }

    @Test("the cache never grows beyond its end, and what is used stays in it")
    func bounded() throws {
        let cache = SessionCache(countMax: 320, refusedMax: 64)
        let used = SessionToken.random()
        #expect(cache.keep(Self.session("ann", used), for: used, try Self.ticket(cache, used)))
        for index in 0..<5_000 {
            let token = SessionToken.random()
            let session = index % 2 == 0 ? Self.session("bob", token) : nil
            #expect(cache.keep(session, for: token, try Self.ticket(cache, token)))
            guard case .known = cache.find(used) else {
                Issue.record("a session that is used all the time was forgotten")
                return
            }
        }
        #expect(cache.count <= 320)
    }

    @Test("a session ends when it is idle and when it is old, and is touched now and then")
    func limits() {
        var rules = SessionRules()
        (rules.idleMilliseconds, rules.absoluteMilliseconds) = (1_000, 5_000)
        rules.touchMilliseconds = 100
        #expect(rules.end(createdAt: 0, seenAt: 0) == 1_000)
        #expect(rules.end(createdAt: 0, seenAt: 4_500) == 5_000)
        #expect(
            rules.end(createdAt: .max, seenAt: .max) == rules.end(createdAt: .max, seenAt: .max))
        let session = KnownSession(
            user: "ann", credential: "c", createdMilliseconds: 0, seenMilliseconds: 0)
        #expect(!session.takeTouch(rules, now: 99))
        #expect(session.takeTouch(rules, now: 100))
        #expect(!session.takeTouch(rules, now: 100))
        #expect(session.endMilliseconds(rules) == 1_100)
    }
}

@Suite("Tries at a sign-in")
struct SignInLimiterTests {
    private static let rule = SignInLimiter.Rule(
        freeCount: 3, firstMilliseconds: 1_000, longestMilliseconds: 8_000,
        forgottenMilliseconds: 60_000)
    private static let name = SignInLimiter.Subject(1, rule)
    private static let other = SignInLimiter.Subject(2, rule)

    private static func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 1 << 50).adding(milliseconds: milliseconds)
    }

    @Test("the first failures are free, then the waits grow up to an end, then it is forgotten")
    func waits() {
        var limiter = SignInLimiter()
        for _ in 0..<3 { #expect(limiter.begin([Self.name], now: Self.at(0)) == nil) }
        var now: UInt64 = 0
        #expect(limiter.begin([Self.name], now: Self.at(0)) == nil)
        for wait: UInt64 in [1_000, 2_000, 4_000, 8_000, 8_000, 8_000] {
            let asked = limiter.begin([Self.name], now: Self.at(now)) ?? 0
            #expect(asked > wait - 2 && asked <= wait + 1)
            now += wait + 1
            #expect(limiter.begin([Self.name], now: Self.at(now)) == nil)
        }
        #expect(limiter.begin([Self.name], now: Self.at(now)) != nil)
        for _ in 0..<3 {
            #expect(limiter.begin([Self.name], now: Self.at(now + 61_000)) == nil)
        }
    }

    @Test("a wait of one subject counts nothing for another")
    func together() {
        var limiter = SignInLimiter()
        for _ in 0..<4 { _ = limiter.begin([Self.name], now: Self.at(0)) }
        for _ in 0..<100 {
            #expect(limiter.begin([Self.name, Self.other], now: Self.at(0)) != nil)
        }
        for _ in 0..<3 { #expect(limiter.begin([Self.other], now: Self.at(0)) == nil) }
    }

    @Test("a success clears the name, and takes no more than itself back from the address")
    func success() {
        var limiter = SignInLimiter()
        let both = [Self.name, Self.other]
        for _ in 0..<3 { #expect(limiter.begin(both, now: Self.at(0)) == nil) }
        limiter.succeed(clearing: [Self.name], easing: [Self.other])
        for _ in 0..<3 { #expect(limiter.begin([Self.name], now: Self.at(0)) == nil) }
        #expect(limiter.begin([Self.other], now: Self.at(0)) == nil)
        #expect(limiter.begin([Self.other], now: Self.at(0)) == nil)
        #expect(limiter.begin([Self.other], now: Self.at(0)) != nil)
    }

    @Test("an owner with a browser that is known signs in while others are kept waiting")
    func owner() {
        var limiter = SignInLimiter()
        for _ in 0..<10 { _ = limiter.begin([Self.name], now: Self.at(0)) }
        #expect(limiter.begin([Self.name], now: Self.at(0)) != nil)
        #expect(limiter.begin([SignInLimiter.Subject(3, .device)], now: Self.at(0)) == nil)
    }

    @Test("what costs a stranger nothing pushes no guesses out that were counted")
    func tables() {
        var limiter = SignInLimiter(countMax: 100)
        for _ in 0..<4 { _ = limiter.begin([Self.name], now: Self.at(0)) }
        for key in 0..<1_000 {
            _ = limiter.begin([SignInLimiter.Subject(UInt64(key + 10), .mail)], now: Self.at(0))
        }
        #expect(limiter.begin([Self.name], now: Self.at(0)) != nil)
        #expect(limiter.count <= 101)
    }

    @Test("a crowd of names does not make it grow")
    func bounded() {
        var limiter = SignInLimiter(countMax: 100)
        for key in 0..<10_000 {
            _ = limiter.begin(
                [SignInLimiter.Subject(UInt64(key), Self.rule)], now: Self.at(UInt64(key)))
        }
        #expect(limiter.count <= 100)
    }
}

@Suite("What the server signs, and small things")
struct SecretKeysTests {
    private static let old = String(repeating: "o", count: 32)
    private static let new = String(repeating: "n", count: 32)

    @Test("what was signed is read back for its purpose and in its time alone")
    func signed() throws {
        let keys = try #require(SecretKeys(Self.new))
        let text = keys.sign(["ann", "ä.b"], for: .reset, untilMilliseconds: 1_000)
        #expect(keys.verify(text, for: .reset, now: 999) == ["ann", "ä.b"])
        #expect(keys.verify(text, for: .reset, now: 1_000) == nil)
        #expect(keys.verify(text, for: .invitation, now: 0) == nil)
        #expect(text.utf8.allSatisfy { $0.isURLSafe })
    }

    @Test("no byte of it can be changed")
    func forged() throws {
        let keys = try #require(SecretKeys(Self.new))
        let text = Array(keys.sign(["ann"], for: .reset, untilMilliseconds: 1_000).utf8)
        for index in text.indices {
            var forged = text
            forged[index] =
                forged[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(
                keys.verify(String(decoding: forged, as: UTF8.self), for: .reset, now: 0) == nil)
        }
        for count in 0..<text.count {
            let cut = String(decoding: text.prefix(count), as: UTF8.self)
            #expect(keys.verify(cut, for: .reset, now: 0) == nil)
        }
    }

    @Test("a key is rotated: the old one verifies while it is there")
    func rotated() throws {
        let before = try #require(SecretKeys(Self.old))
        let both = try #require(SecretKeys("\(Self.new), \(Self.old)"))
        let after = try #require(SecretKeys(Self.new))
        let text = before.sign(["ann"], for: .device, untilMilliseconds: 1_000)
        #expect(both.verify(text, for: .device, now: 0) == ["ann"])
        #expect(after.verify(text, for: .device, now: 0) == nil)
        #expect(
            after.verify(both.sign([], for: .device, untilMilliseconds: 1), for: .device, now: 0)
                == [])
        #expect(both.deviceKeys(of: "ann").last == before.deviceKeys(of: "ann").first)
        #expect(before.deviceKeys(of: "ann") != before.deviceKeys(of: "bob"))
    }

    @Test("a key that could be guessed is none", arguments: ["", " ", ",", "short", "n,o"])
    func short(text: String) {
        #expect(SecretKeys(text) == nil)
        #expect(SecretKeys(SecretKeys.freshText()) != nil)
    }

    @Test("addresses are compared without case and white space around them")
    func addresses() throws {
        let ann = try #require(EmailAddress(" Ann@Example.org\n"))
        #expect(ann.text == "Ann@Example.org")
        #expect(ann.hash == EmailAddress("ann@example.org")?.hash)
        #expect(ann.localPart == "ann")
        for text in ["", "ann", "@", "ann@", "@example.org", "a@b@c", "a b@c", "a@b\u{0}", "a,b@c"]
        {
            #expect(EmailAddress(text) == nil)
        }
        #expect(EmailAddress(String(repeating: "a", count: 300) + "@b") == nil)
    }

    @Test("nobody is sent to another site")
    func targets() {
        for path in ["/", "/lists", "/lists/7?after=a%20b#end", "/~ann"] {
            #expect(SafeTarget.path(path, else: "/x") == path)
        }
        for path in [
            "", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\\b",
            "/\tx",
            "\\\\evil", "javascript:alert(1)", "/a b", "/\r\nSet-Cookie: a=b",
        ] {
            #expect(SafeTarget.path(path, else: "/x") == "/x")
        }
        #expect(SafeTarget.path(nil, else: "/x") == "/x")
    }

    @Test(
        "browsers in plain words",
        arguments: [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Linux"
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                    + "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "Edge on Windows"
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                    + "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on an iPhone"
            ),
            (
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) "
                    + "Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome on Android"
            ),
            ("curl/7.88.1", "curl"), ("my-script/1.0", "my-script"), ("", "unknown device"),
            ("<script>", "unknown device"),
        ])
    func devices(agent: String, words: String) {
        #expect(DeviceWords.words(for: agent) == words)
    }
}

extension UInt8 {
    fileprivate var isURLSafe: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
