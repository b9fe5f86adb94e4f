// A mutator on a store in memory: pushes as the wire has them, without a server.

import Mizu
import Testing

final class MutatorBench {
    private let engine: SyncEngine
    private var pushed = 0

    init(_ mutator: some Mutator) {
        engine = SyncEngine(
            store: MemoryStore(epoch: "test"), mutator: mutator, limits: SyncLimits(),
            now: { 1_800_000_000_000 })
    }

    /// Pushes one mutation, and returns its result: `ok`, then `changes` or a `code`.
    func push(_ name: String, _ args: String) throws -> JSONValue {
        pushed += 1
        let body = #"{"mutations":[{"id":"m\#(pushed)","name":"\#(name)","args":\#(args)}]}"#
        let push = try PushRequest.parse(ByteSlice(body), limits: SyncLimits())
        let answer = try #require(engine.commit([push]).answers.first).get()
        let text = answer.body(limits: SyncLimits())
        let results = try #require(try JSON.parse(text).member("results"))
        return try #require(results.elements.first { _ in true })
    }
}
