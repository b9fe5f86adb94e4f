// How much a scope, a user and an address may keep (protocol.md, `quota_exceeded`), and that what
// strangers leave behind has a bound whatever they do.

import MizuBytes
import MizuSync
import Testing

@Suite("Quotas (protocol.md, quota_exceeded)")
struct QuotaTests {
    private static let here = PushOrigin(number: 1)
    private static let there = PushOrigin(number: 2)

    private func harness(
        _ kind: StoreKind, _ change: (inout SyncQuotas) -> Void
    ) throws -> Harness {
        var limits = SyncLimits()
        change(&limits.quotas)
        return try Harness(kind, limits: limits)
    }

    private func put(
        _ harness: Harness, _ id: String, text: String = "", scope: String = "s",
        user: Name? = nil, origin: PushOrigin? = nil, mutation: String? = nil
    ) throws -> String {
        let result = try harness.mutate(
            mutation ?? "\(scope)-\(id)-\(text.utf8.count)-\(user?.string ?? "")", "note.put",
            "{\"id\":\"\(id)\",\"text\":\"\(text)\"}", user: user, scope: scope, origin: origin)
        return result.string("code") ?? "ok"
    }

    @Test(
        "a scope takes records up to its quota, and what shrinks it always",
        arguments: StoreKind.allCases)
    func scopeRecords(_ kind: StoreKind) throws {
        let harness = try harness(kind) { $0.scopeRecords = 3 }
        for id in ["a", "b", "c"] { #expect(try put(harness, id) == "ok") }
        #expect(try put(harness, "d") == "quota_exceeded")
        #expect(try put(harness, "a", text: "longer") == "ok")
        #expect(
            try harness.mutate("m1", "note.delete", #"{"id":"b"}"#).bool("ok") == true)
        #expect(try put(harness, "d", mutation: "again") == "ok")
        #expect(try put(harness, "e") == "quota_exceeded")
        #expect(try harness.snapshot(#"{"scope":"s"}"#).int("count") == 3)
        #expect(try harness.mutate("m2", "odd.clear").bool("ok") == true)
        #expect(try harness.snapshot(#"{"scope":"s"}"#).int("count") == 0)
    }

    @Test(
        "a scope takes bytes up to its quota; one that is above it by a lower setting shrinks",
        arguments: StoreKind.allCases)
    func scopeBytes(_ kind: StoreKind) throws {
        let harness = try harness(kind) { $0.scopeBytes = 1000 }
        let large = String(repeating: "x", count: 400)
        #expect(try put(harness, "a", text: large) == "ok")
        #expect(try put(harness, "b", text: large) == "ok")
        #expect(try put(harness, "c", text: large) == "quota_exceeded")
        #expect(try put(harness, "a", text: String(repeating: "y", count: 900)) == "quota_exceeded")
        harness.limits.quotas.scopeBytes = 100
        try harness.restart()
        #expect(try put(harness, "a", text: String(repeating: "y", count: 300)) == "ok")
        #expect(try put(harness, "a", text: String(repeating: "y", count: 301)) == "quota_exceeded")
        #expect(try harness.mutate("m1", "note.delete", #"{"id":"b"}"#).bool("ok") == true)
    }

    @Test(
        "a refusal for a quota is not kept: the same mutation is applied once there is room",
        arguments: StoreKind.allCases)
    func notKept(_ kind: StoreKind) throws {
        let harness = try harness(kind) { $0.scopeRecords = 1 }
        #expect(try put(harness, "a") == "ok")
        let before = try #require(harness.store).totals()?.outcomeCount
        for _ in 0..<3 {
            let result = try harness.mutate("m", "note.put", #"{"id":"b"}"#)
            #expect(result.string("code") == "quota_exceeded")
            #expect(result.bool("duplicate") == nil)
            #expect(result.bool("retry") == nil)
        }
        #expect(try #require(harness.store).totals()?.outcomeCount == before)
        _ = try harness.mutate("d", "note.delete", #"{"id":"a"}"#)
        #expect(try harness.mutate("m", "note.put", #"{"id":"b"}"#).bool("ok") == true)
    }

    @Test(
        "a user and an address make scopes up to their quota; others' are not counted",
        arguments: StoreKind.allCases)
    func scopes(_ kind: StoreKind) throws {
        let harness = try harness(kind) {
            $0.userScopes = 2
            $0.addressScopes = 1
        }
        #expect(try put(harness, "a", scope: "u1", user: "ann") == "ok")
        #expect(try put(harness, "a", scope: "u2", user: "ann") == "ok")
        #expect(try put(harness, "a", scope: "u3", user: "ann") == "quota_exceeded")
        #expect(try put(harness, "a", scope: "u3", user: "bob") == "ok")
        // In a scope that is there anybody may go on.
        #expect(try put(harness, "b", scope: "u3", user: "ann") == "ok")
        #expect(try put(harness, "a", scope: "a1", origin: Self.here) == "ok")
        #expect(try put(harness, "a", scope: "a2", origin: Self.here) == "quota_exceeded")
        #expect(try put(harness, "a", scope: "a2", origin: Self.there) == "ok")
        // The default scope is the app's, and an address that is exempt has no account.
        #expect(try put(harness, "a", scope: "_default", origin: Self.here) == "ok")
        for index in 0..<5 { #expect(try put(harness, "a", scope: "free\(index)") == "ok") }
        // All of it is in the store.
        try harness.restart()
        #expect(try put(harness, "a", scope: "u4", user: "ann") == "quota_exceeded")
        #expect(try put(harness, "a", scope: "a3", origin: Self.here) == "quota_exceeded")
    }

    @Test(
        "the bytes of all its scopes are an account's, whoever writes them",
        arguments: StoreKind.allCases)
    func bytes(_ kind: StoreKind) throws {
        let harness = try harness(kind) { $0.userBytes = 1000 }
        let large = String(repeating: "x", count: 400)
        #expect(try put(harness, "a", text: large, scope: "u1", user: "ann") == "ok")
        #expect(try put(harness, "a", text: large, scope: "u2", user: "ann") == "ok")
        #expect(try put(harness, "b", text: large, scope: "u1", user: "bob") == "quota_exceeded")
        #expect(try put(harness, "b", text: large, scope: "b1", user: "bob") == "ok")
        #expect(
            try harness.mutate("m1", "note.delete", #"{"id":"a"}"#, user: "ann", scope: "u2")
                .bool("ok") == true)
        #expect(
            try put(harness, "b", text: large, scope: "u1", user: "bob", mutation: "x") == "ok")
        let store = try #require(harness.store)
        for (user, scopes) in [("ann", ["u1", "u2"]), ("bob", ["b1"])] as [(Name, [Name])] {
            let sum = try scopes.reduce(0) { try $0 + store.scopeState($1).byteCount }
            let account = try store.accountState(Account(user: user))
            #expect(account == AccountState(scopeCount: scopes.count, byteCount: sum))
        }
    }

    @Test(
        "within one push and one batch all mutations before are counted",
        arguments: StoreKind.allCases)
    func batch(_ kind: StoreKind) throws {
        let harness = try harness(kind) {
            $0.scopeRecords = 3
            $0.userScopes = 1
        }
        func request(_ scope: String, _ count: Int) throws -> PushRequest {
            let mutations = (0..<count).map {
                "{\"id\":\"\(scope)\($0)\",\"name\":\"note.put\",\"args\":{\"id\":\"n\($0)\"}}"
            }
            var push = try PushRequest.parse(
                ByteSlice(
                    "{\"scope\":\"\(scope)\",\"mutations\":[\(mutations.joined(separator: ","))]}"),
                limits: harness.limits)
            push.user = "ann"
            return push
        }
        let answers = try harness.commit([request("u1", 5), request("u2", 1)])
        let codes = try answers.map { answer in
            try #require(try answer.get().member("results")).elements.map {
                $0.string("code") ?? "ok"
            }
        }
        let no = "quota_exceeded"
        #expect(codes == [["ok", "ok", "ok", no, no], [no]])
    }

    @Test(
        "of scopes that were never written to nothing stays for good, however many are named",
        arguments: StoreKind.allCases)
    func nameless(_ kind: StoreKind) throws {
        let harness = try harness(kind) { _ in }
        for index in 0..<20 {
            let result = try harness.mutate(
                "m", "no.such", client: "c\(index)", scope: "s\(index)")
            #expect(result.string("code") == "unknown_mutation")
        }
        harness.clock.milliseconds += 100 * 86_400_000
        try harness.trimAll()
        let store = try #require(harness.store)
        #expect(try store.totals()?.outcomeCount == 0)
        for index in 0..<20 {
            let client = try #require(Name("c\(index)"))
            #expect(try store.owner(of: client) == nil)
        }
    }

    @Test(
        "anonymous clients of a scope have a bound: the longest silent one is forgotten",
        arguments: StoreKind.allCases)
    func anonymousClients(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.anonymousClientsMax = 3
        let harness = try Harness(kind, limits: limits)
        for index in 0..<10 {
            harness.clock.milliseconds += 3_600_000
            let result = try harness.mutate(
                "m\(index)", "note.add", #"{"id":"n"}"#, client: "c\(index)")
            #expect(result.bool("ok") == true)
        }
        let store = try #require(harness.store)
        #expect(try store.clientCount(of: nil, in: "s") == 3)
        #expect(try store.client("c9", in: "s") != nil)
        #expect(try store.client("c6", in: "s") == nil)
        // Its outcomes are still there.
        let again = try harness.mutate("m6", "note.add", #"{"id":"n"}"#, client: "c6")
        #expect(again.bool("duplicate") == true)
    }

    @Test(
        "outcomes have a bound: the oldest go early, but a user's client keeps its last",
        arguments: StoreKind.allCases)
    func outcomes(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.outcomesMax = 50
        limits.clientOutcomesMin = 2
        let harness = try Harness(kind, limits: limits)
        for id in ["a", "b", "c"] {
            _ = try harness.mutate(id, "note.add", #"{"id":"n"}"#, client: "ann1", user: "ann")
        }
        for index in 0..<400 {
            _ = try harness.mutate("x\(index)", "note.add", #"{"id":"n"}"#, client: "k\(index)")
        }
        let store = try #require(harness.store)
        let count = try #require(try store.totals()?.outcomeCount)
        #expect(count <= 50 + 2)
        var kept = 0
        for index in 0..<400 {
            let id = try #require(Name("x\(index)"))
            if try store.outcome(of: id, in: "s") != nil { kept += 1 }
        }
        #expect(try store.outcome(of: "a", in: "s") == nil)
        #expect(try store.outcome(of: "b", in: "s") != nil)
        #expect(try store.outcome(of: "c", in: "s") != nil)
        #expect(kept + 2 == count)
        #expect(try store.outcome(of: "x399", in: "s") != nil)
    }
}
