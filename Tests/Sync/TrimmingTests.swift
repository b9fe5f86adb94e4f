// Trimming cannot be outrun, and no clock that leaps makes anything old (protocol.md, "Push", what
// is kept how long).

import MizuBytes
import MizuSync
import Testing

@Suite("Trimming under load, and clocks that leap")
struct TrimmingTests {
    private func batch(
        _ count: Int, changes: Int, from first: Int, _ harness: Harness
    ) throws -> [PushRequest] {
        let mutations = (first..<first + count).map {
            "{\"id\":\"m\($0)\",\"name\":\"odd.many\",\"args\":{\"id\":\"\",\"count\":\(changes)}}"
        }
        return try stride(from: 0, to: count, by: 100).map { start in
            let some = mutations[start..<min(count, start + 100)].joined(separator: ",")
            return try PushRequest.parse(
                ByteSlice("{\"scope\":\"s\",\"mutations\":[\(some)]}"), limits: harness.limits)
        }
    }

    /// Nobody calls `trim` here: the mailbox is never empty.
    @Test(
        "100,000 changes that come without a pause leave about as many as are to be kept",
        arguments: StoreKind.allCases)
    func outrun(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.logChangesMax = 1000
        let harness = try Harness(kind, limits: limits)
        var most = 0
        for round in 0..<50 {
            let requests = try batch(100, changes: 20, from: round * 100, harness)
            _ = try #require(harness.engine).commit(requests)
            let state = try #require(harness.store).scopeState("s")
            most = max(most, state.head.cursor - state.base)
        }
        let state = try #require(harness.store).scopeState("s")
        #expect(state.head.cursor == 100_000)
        // The limit, an eighth more, and the last batch.
        #expect(most <= 1000 + 125 + 2000)
        var kept = 0
        try #require(harness.reader).visitLog(of: "s", after: 0) { entry in
            kept += entry.ends.count
            return .next
        }
        #expect(kept == state.head.cursor - state.base)
    }

    @Test(
        "a log has a bound in bytes, also where few changes are large",
        arguments: StoreKind.allCases)
    func bytes(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.logBytesMin = 100_000
        let harness = try Harness(kind, limits: limits)
        let text = String(repeating: "x", count: 10_000)
        for index in 0..<100 {
            let args = "{\"id\":\"n\",\"text\":\"\(text)\"}"
            _ = try harness.mutate("m\(index)", "note.put", args)
        }
        var state = try #require(harness.store).scopeState("s")
        #expect(state.logByteCount <= 100_000 * 9 / 8 + 11_000)
        try harness.trimAll()
        state = try #require(harness.store).scopeState("s")
        #expect(state.logByteCount <= 100_000)
        #expect(state.logByteCount > 80_000)
        // Four times the records, where that is more.
        for index in 0..<20 {
            let args = "{\"id\":\"r\(index)\",\"text\":\"\(text)\"}"
            _ = try harness.mutate("r\(index)", "note.put", args)
        }
        try harness.trimAll()
        state = try #require(harness.store).scopeState("s")
        #expect(state.logByteCount > 250_000)
    }

    @Test("a step that took all it may says so, and one that has scopes to look at does not")
    func progress() throws {
        var limits = SyncLimits()
        limits.trimRowsMax = 8
        let harness = try Harness(.memory, limits: limits)
        for index in 0..<12 { _ = try harness.mutate("m\(index)", "note.add", #"{"id":"n"}"#) }
        for index in 0..<12 {
            _ = try harness.mutate("m", "note.add", #"{"id":"n"}"#, scope: "t\(index)")
        }
        let engine = try #require(harness.engine)
        #expect(try engine.trim() == .more)
        harness.clock.milliseconds += 8 * 86_400_000
        #expect(try engine.trim() == .behind)
        try harness.trimAll()
        #expect(try #require(harness.store).scopeState("s").base == 12)
    }

    @Test(
        "a clock that leaps ahead for a moment, or for good, forgets nothing",
        arguments: StoreKind.allCases, [true, false])
    func leap(_ kind: StoreKind, _ isForGood: Bool) throws {
        let harness = try Harness(kind)
        for index in 0..<50 {
            _ = try harness.mutate("m\(index)", "note.add", #"{"id":"n"}"#, client: "c")
        }
        harness.clock.leap(400 * 86_400_000)
        for _ in 0..<5 {
            harness.clock.milliseconds += 1000
            try harness.trimAll()
        }
        let leap: Int64? = harness.engine?.takeLeap()
        #expect(leap == Int64(400 * 86_400_000))
        let second: Int64? = harness.engine?.takeLeap()
        #expect(second == nil)
        if !isForGood { harness.clock.leap(-400 * 86_400_000) }
        try harness.trimAll()
        for index in 0..<50 {
            let again = try harness.mutate("m\(index)", "note.add", #"{"id":"n"}"#, client: "c")
            #expect(again.bool("duplicate") == true)
        }
        try harness.restart()
        try harness.trimAll()
        #expect(try harness.pull(0, "x").cursors.count == 50)
        #expect(try #require(harness.store).client("c", in: "s") != nil)
        // What is old by the time that went by goes all the same.
        harness.clock.milliseconds += 8 * 86_400_000
        try harness.trimAll()
        #expect(try #require(harness.store).scopeState("s").base == 50)
    }

    @Test(
        "what was written while the clock was in the past is not old when it is set",
        arguments: StoreKind.allCases)
    func past(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let error: Int64 = 50 * 365 * 86_400_000
        harness.clock.leap(-error)
        try harness.restart()
        _ = try harness.mutate("m1", "note.add", #"{"id":"n"}"#, client: "c")
        harness.clock.leap(error)
        harness.clock.milliseconds += 60_000
        try harness.trimAll()
        let again = try harness.mutate("m1", "note.add", #"{"id":"n"}"#, client: "c")
        #expect(again.bool("duplicate") == true)
        #expect(try harness.pull(0, "x").cursors == [1])
    }

    @Test(
        "a server that was off for a year has aged nothing", arguments: StoreKind.allCases)
    func off(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.add", #"{"id":"n"}"#, client: "c")
        harness.close()
        harness.clock.milliseconds += 365 * 86_400_000
        try harness.open()
        try harness.trimAll()
        let again = try harness.mutate("m1", "note.add", #"{"id":"n"}"#, client: "c")
        #expect(again.bool("duplicate") == true)
    }
}
