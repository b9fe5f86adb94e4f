// Mutations that write to several scopes: all of it or nothing, each with its own log; and scopes
// that keep none (people.md, "Internal scopes").

import MizuBytes
import MizuSync
import Testing

@Suite("Writes across scopes, internal scopes, times of edits")
struct CrossedScopeTests {
    /// Puts `count` records into each of `scopes`, with `text`.
    private func spread(_ system: SystemMutations) {
        system.register("mizu.spread", fromWire: true) { (mutation, store) throws(Rejection) in
            struct Spread: Decodable {
                var scopes: [Name]
                var count: Int
                var text: String?
                var refuses: Bool?
            }
            struct Thing: Encodable { var text: String }
            let args = try mutation.args.decode(Spread.self)
            for scope in args.scopes {
                for index in 0..<args.count {
                    try store.put(
                        "thing", id: "\(index)", Thing(text: args.text ?? ""), in: scope)
                    let read = try store.get("thing", id: "\(index)", in: scope)
                    guard read?.string("text") == args.text ?? "" else { throw .conflict }
                }
            }
            if args.refuses == true { throw .forbidden }
        }
    }

    private func harness(
        _ kind: StoreKind, _ change: (inout SyncLimits) -> Void = { _ in }
    ) throws -> Harness {
        var limits = SyncLimits()
        change(&limits)
        let harness = try Harness(kind, limits: limits)
        spread(harness.system)
        return harness
    }

    @Test("all of it is there, in each scope by itself, or nothing", arguments: StoreKind.allCases)
    func together(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        #expect(try harness.does(nil, "note.put", #"{"id":"a"}"#, in: "a") == "ok")
        let result = try harness.mutate(
            "m", "mizu.spread", #"{"scopes":["s","a","b"],"count":2}"#)
        #expect(result.cursors == [1, 2])
        #expect(result.int("cursor") == 2)
        let feed = try #require(harness.lastResult).feed
        #expect(feed.map(\.scope) == ["s", "a", "b"])
        #expect(feed.map(\.head.cursor) == [2, 3, 2])
        #expect(feed.map(\.isByReaders) == [true, false, false])
        for (scope, count) in [("s", 2), ("a", 3), ("b", 2)] {
            let page = try harness.pull(#"{"scope":"\#(scope)","cursor":0}"#)
            #expect(page.cursors == Array(1...count))
            for change in try #require(page.member("changes")).elements {
                #expect(change.string("scope") == scope)
            }
        }
        // The push that follows is of its own scope again.
        #expect(try harness.mutate("n", "note.put", #"{"id":"x"}"#).cursors == [3])
        let refused = #"{"scopes":["s","a","c"],"count":2,"refuses":true}"#
        #expect(try harness.does(nil, "mizu.spread", refused) == "forbidden")
        #expect(try harness.snapshot(#"{"scope":"c"}"#).int("cursor") == 0)
        for scope: Name in ["s", "a", "b", "c"] { try harness.checkSums(of: scope) }
        try harness.restart()
        for scope: Name in ["s", "a", "b"] { try harness.checkSums(of: scope) }
    }

    @Test("a statement that fails undoes all scopes of its mutation, and no other's")
    func undone() throws {
        let faults = Faults()
        let harness = try harness(.sqlite)
        harness.close()
        try harness.open { FailingStore($0, faults) }
        #expect(try harness.mutate("m1", "note.put", #"{"id":"x"}"#).bool("ok") == true)
        (faults.place, faults.kind) = (.setOutcome, .statement)
        let spread = #"{"scopes":["a","s","b"],"count":1}"#
        #expect(try harness.mutate("m2", "mizu.spread", spread).bool("retry") == true)
        faults.place = .nowhere
        for scope: Name in ["s", "a", "b"] { try harness.checkSums(of: scope) }
        #expect(try harness.snapshot(#"{"scope":"b"}"#).int("count") == 0)
        #expect(try harness.mutate("m2", "mizu.spread", spread).bool("ok") == true)
        for scope: Name in ["s", "a", "b"] { try harness.checkSums(of: scope) }
    }

    @Test("limits are over all scopes together")
    func limits() throws {
        let harness = try harness(.memory) { limits in
            limits.mutationChangesMax = 5
            limits.mutationBytesMax = 4000
        }
        #expect(
            try harness.does(nil, "mizu.spread", #"{"scopes":["s","a"],"count":2}"#) == "ok")
        #expect(
            try harness.does(nil, "mizu.spread", #"{"scopes":["s","a","b"],"count":2}"#)
                == "too_large")
        let text = String(repeating: "x", count: 1800)
        #expect(
            try harness.does(
                nil, "mizu.spread", #"{"scopes":["b","c"],"count":1,"text":"\#(text)"}"#) == "ok")
        #expect(
            try harness.does(
                nil, "mizu.spread", #"{"scopes":["b","c","d"],"count":1,"text":"\#(text)"}"#)
                == "too_large")
    }

    @Test("a scope's owner pays, whoever writes; a user's own list is refused nothing")
    func quotas() throws {
        let harness = try harness(.sqlite) { limits in
            limits.quotas.userBytes = 400
            limits.quotas.userScopes = 2
        }
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#, in: "a") == "ok")
        let small = #"{"scopes":["s","a"],"count":1}"#
        #expect(try harness.does("bob", "mizu.spread", small, in: "s") == "ok")
        let text = String(repeating: "x", count: 390)
        let large = #"{"scopes":["a"],"count":1,"text":"\#(text)"}"#
        #expect(try harness.does("bob", "mizu.spread", large, in: "s") == "quota_exceeded")
        let list = #"{"scopes":["user:ann"],"count":1,"text":"\#(text)"}"#
        #expect(try harness.does("bob", "mizu.spread", list, in: "s") == "ok")
        // It is counted all the same.
        #expect(try harness.does("ann", "note.put", #"{"id":"b"}"#, in: "a") == "quota_exceeded")
        // Two scopes of one owner in one mutation.
        #expect(
            try harness.does(
                "cat", "mizu.spread", #"{"scopes":["t","user:cat"],"count":1}"#, in: "t") == "ok")
        let store = try #require(harness.store)
        for user: Name in ["ann", "bob", "cat"] {
            var sum = AccountState.none
            for scope: Name in ["a", "s", "t", "user:ann", "user:cat"] {
                let state = try store.scopeState(scope)
                guard state.owner == Account(user: user) else { continue }
                sum.scopeCount += 1
                sum.byteCount += state.byteCount
            }
            #expect(try store.accountState(Account(user: user)) == sum, "\(user)")
        }
    }

    @Test("an internal scope keeps records and no log", arguments: StoreKind.allCases)
    func internalScopes(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        let scope = Name.internal("things")
        for (id, text) in [("1", "first secret"), ("2", "second secret"), ("3", "third")] {
            let spread = #"{"scopes":["mizu:things"],"count":3,"text":"\#(text)"}"#
            #expect(try harness.serve("mizu.spread", spread, in: scope, id: Name(id)!) == "ok")
        }
        #expect(
            try harness.serve("mizu.spread", #"{"scopes":[],"count":0}"#, in: scope, id: "1")
                == "id_reused")
        let result = try #require(harness.lastResult)
        #expect(result.feed.isEmpty)
        try harness.checkSums(of: scope)
        #expect(harness.tail.head(scope)?.position.cursor == 9)
        #expect(try harness.records("thing", in: scope).count == 3)
        // From another scope's mutation, in the same transaction.
        let both = #"{"scopes":["s","mizu:things"],"count":1,"text":"by s"}"#
        #expect(try harness.does(nil, "mizu.spread", both) == "ok")
        #expect(try #require(harness.lastResult).feed.map(\.scope) == ["s"])
        #expect(harness.tail.head(scope)?.position.cursor == 10)
        try harness.trimAll()
        try harness.restart()
        try harness.checkSums(of: scope)
        let state = try #require(harness.store).scopeState(scope)
        #expect(state.base == 10 && state.head.cursor == 10 && state.logByteCount == 0)
        #expect(state.owner == nil)
    }

    @Test("an edit's own time is told, never later than it is applied, and no part of its identity")
    func editTimes() throws {
        let harness = try harness(.memory)
        let now = Int(harness.clock.milliseconds)
        func text(_ milliseconds: Int) -> String {
            String(decoding: RFC3339.text(millisecondsSince1970: milliseconds), as: UTF8.self)
        }
        func edit(_ id: String, _ time: String) throws -> JSONValue {
            let body = """
                {"scope":"s","mutations":[{"id":"\(id)","name":"note.times","time":\(time)}]}
                """
            return try #require(try harness.results(body).first)
        }
        func told() throws -> String? { try harness.records("note", in: "s")["times"] }
        #expect(try edit("1", "\"\(text(now - 5_000))\"").bool("ok") == true)
        #expect(try told()?.contains("\(text(now - 5_000)) \(text(now))") == true)
        #expect(try edit("1", "\"\(text(now - 9_000))\"").bool("duplicate") == true)
        #expect(try edit("2", "\"\(text(now + 5_000))\"").bool("ok") == true)
        #expect(try told()?.contains("\(text(now)) \(text(now))") == true)
        #expect(try harness.mutate("3", "note.times").bool("ok") == true)
        #expect(try told()?.contains("\(text(now)) \(text(now))") == true)
        for (id, bad) in [("4", "5"), ("5", "\"yesterday\""), ("6", "null"), ("7", "{}")] {
            #expect(try edit(id, bad).string("code") == "invalid_mutation", "\(bad)")
        }
        // Only that one.
        let body = """
            {"scope":"s","mutations":[{"id":"8","name":"note.times","time":""},
            {"id":"9","name":"note.nothing"}]}
            """
        #expect(try harness.results(body).map { $0.bool("ok") } == [false, true])
    }
}
