// Sync without Linux: this target links MizuSync and MizuBytes and nothing else, as a Swift client
// on a phone would. That it builds is half of the test; the other half replays a mutator.

import MizuBytes
import MizuSync
import Testing

private struct Counter: Codable { var count: Int }

private struct CounterMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        guard "counter.add" ~= mutation.name else { throw .unknownMutation }
        struct Amount: Decodable { var by: Int }
        let amount: Amount = try mutation.args.decode()
        guard amount.by > 0 else { throw .invalid("by: add something") }
        var counter = try store.get("counter", id: "c", as: Counter.self) ?? Counter(count: 0)
        let (sum, overflow) = counter.count.addingReportingOverflow(amount.by)
        guard !overflow else { throw .conflict }
        counter.count = sum
        try store.put("counter", id: "c", counter)
    }
}

@Suite("Sync compiles and runs without Glibc, epoll or threads") struct PortableTests {
    @Test("a mutator runs over the memory store, once for each mutation")
    func replay() throws {
        let engine = SyncEngine(
            store: MemoryStore(epoch: "e"), mutator: CounterMutator(), limits: SyncLimits(),
            now: { 0 })
        let body = ByteSlice(
            #"{"mutations":[{"id":"a","name":"counter.add","args":{"by":2}},"#
                + #"{"id":"b","name":"counter.add","args":{"by":0}},"#
                + #"{"id":"a","name":"counter.add","args":{"by":2}}]}"#)
        let push = try PushRequest.parse(body, limits: SyncLimits())
        let answer = try engine.commit([push]).answers[0].get().body(limits: SyncLimits())
        let results = try #require(JSON.parse(answer).member("results"))
        let all = results.elements.map { $0 }
        #expect(all.map { $0.member("ok")?.bool } == [true, false, true])
        #expect(all[1].member("code")?.string == "invalid_mutation")
        #expect(all[2].member("duplicate")?.bool == true)
        let data = all[0].member("changes")?.elements.first { _ in true }?.member("data")
        #expect(data?.member("count")?.int == 2)
    }
}
