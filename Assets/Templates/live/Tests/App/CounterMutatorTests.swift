// What the mutation does, on a store in memory: what the page and a form would see.

import Mizu
import MizuTesting
import Testing

@testable import MizuCounter

@Suite("The counter's mutation")
struct CounterMutatorTests {
    private let bench = MutatorBench(CounterMutator())

    @Test("what is added adds up, from nothing")
    func add() throws {
        _ = try bench.push("counter.add", #"{"by":3}"#)
        let result = try bench.push("counter.add", #"{"by":-1}"#)
        #expect(try result.record(Counter.self).value == 2)
    }

    @Test("a step is a number from -10 to 10", arguments: ["11", "-11", #""1""#, "0.5", "null"])
    func steps(by: String) throws {
        let result = try bench.push("counter.add", #"{"by":\#(by)}"#)
        #expect(result.code == "invalid_mutation")
    }

    @Test("a mutation that nobody wrote is refused")
    func unknown() throws {
        let result = try bench.push("counter.reset", "{}")
        #expect(result.code == "unknown_mutation")
    }
}
