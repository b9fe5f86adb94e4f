// Runs of outcomes against a dictionary that does the same, over many transactions of many sizes;
// and with any byte of them flipped.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Outcomes in runs")
struct OutcomeTableTests {
    private let directory: TemporaryDirectory
    private let connection: Connection

    init() throws {
        directory = try TemporaryDirectory()
        connection = try Connection(directory.path + "/x.db", as: .writer)
        try Schema.prepare(connection, logger: Backing.quiet)
    }

    private func outcome(
        _ number: Int, review: Int64, _ random: inout SeededGenerator
    ) -> StoredOutcome {
        let verdict: StoredOutcome.Verdict =
            number % 5 == 0
            ? .refused(Rejection(code: "bad", message: "number \(number)"))
            : .applied(
                Position(cursor: number, epoch: number % 2 == 0 ? "even" : "odd"))
        return StoredOutcome(
            verdict: verdict, fingerprint: Fingerprint(high: random.next(), low: random.next()),
            user: number % 3 == 0 ? nil : "ann", client: number % 7 == 0 ? nil : "device",
            clientSequence: number, reviewMilliseconds: review)
    }

    private func name(_ number: Int) throws -> Name { try #require(Name("mutation \(number)")) }

    private func transaction(_ body: () throws -> Void) throws {
        try connection.run("BEGIN")
        try body()
        try connection.run("COMMIT")
    }

    @Test("what a dictionary would say, whatever the size of the transactions")
    func model() throws {
        var random = SeededGenerator(seed: 12)
        var table = try OutcomeTable(connection)
        var model: [Int: StoredOutcome] = [:]
        var next = 0
        for round in 0..<40 {
            try transaction {
                for _ in 0..<(round % 9 == 8 ? 700 : 1 + random.next(below: 40)) {
                    let made = outcome(next, review: Int64(next), &random)
                    table.set(made, of: try name(next), in: "s")
                    model[next] = made
                    next += 1
                }
                for number in model.keys.sorted().prefix(random.next(below: 60)) {
                    table.remove(try name(number), in: "s")
                    model[number] = nil
                }
                // Looked at again, and kept.
                for number in model.keys.sorted().prefix(3) {
                    let kept = outcome(number, review: Int64(next), &random)
                    table.set(kept, of: try name(number), in: "s")
                    model[number] = kept
                }
                try table.finish()
            }
            if round % 7 == 3 { table = try OutcomeTable(connection) }
            for _ in 0..<50 {
                let number = random.next(below: next + 10)
                #expect(try table.outcome(of: try name(number), in: "s") == model[number])
                #expect(try table.outcome(of: try name(number), in: "other") == nil)
            }
        }
        for number in 0..<next {
            #expect(try table.outcome(of: try name(number), in: "s") == model[number])
        }
        let runs = try connection.number("SELECT count(*) FROM outcome_runs")
        #expect(runs < 20, "small runs are merged: \(runs)")
        #expect(try connection.number("SELECT sum(count) FROM outcome_runs") == model.count)
        let reader = try Connection(directory.path + "/x.db", as: .reader)
        let listing = try OutcomeListing(of: reader)
        #expect(try listing.scope(after: nil) == "s")
        #expect(try listing.scope(after: "s") == nil)
        var listed: [Name: StoredOutcome] = [:]
        try listing.visit(in: "s") { mutation, outcome in
            listed[mutation] = outcome
            return .next
        }
        for (number, outcome) in model { #expect(listed[try name(number)] == outcome) }
        #expect(listed.count == model.count)
        // All of them are due some time, and gone when they are removed.
        var seen: Set<Name> = []
        while true {
            let due = try table.due(at: .max, countMax: 100) { _, _ in false }
            guard !due.isEmpty else { break }
            try transaction {
                for (scope, mutation, _) in due {
                    #expect(seen.insert(mutation).inserted)
                    table.remove(mutation, in: scope)
                }
                try table.finish()
            }
        }
        #expect(seen.count == model.count)
        #expect(try connection.number("SELECT count(*) FROM outcome_blocks") == 0)
        #expect(try connection.number("SELECT count(*) FROM outcome_filters") == 0)
    }

    @Test("a filter knows what is in it, and one in a hundred of the rest at most")
    func filter() {
        var random = SeededGenerator(seed: 6)
        let hashes = (0..<8192).map { _ in random.next() }
        let filter = OutcomeFilter(hashes)
        #expect(hashes.allSatisfy { filter.mayHold($0) })
        let wrong = (0..<20_000).filter { _ in filter.mayHold(random.next()) }.count
        #expect(wrong < 200, "\(wrong) of 20,000")
    }

    @Test("nothing is due before its time, and what the caller knows better is left out")
    func due() throws {
        var random = SeededGenerator(seed: 1)
        let table = try OutcomeTable(connection)
        try transaction {
            for number in 0..<100 {
                table.set(
                    outcome(number, review: Int64(number), &random), of: try name(number),
                    in: "s")
            }
            try table.finish()
        }
        #expect(try table.due(at: -1, countMax: 10) { _, _ in false }.isEmpty)
        let due = try table.due(at: 49, countMax: 10) { _, mutation in mutation == "mutation 3" }
        let numbers = due.map(\.outcome.clientSequence)
        #expect(numbers == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10])
        table.remove("mutation 0", in: "s")
        #expect(try table.due(at: 0, countMax: 10) { _, _ in false }.isEmpty)
    }

    @Test("what is discarded was never set")
    func discarded() throws {
        var random = SeededGenerator(seed: 2)
        let table = try OutcomeTable(connection)
        let (first, second) = (outcome(1, review: 1, &random), outcome(2, review: 2, &random))
        table.set(first, of: "a", in: "s")
        table.set(second, of: "b", in: "s")
        table.remove("a", in: "s")
        #expect(try table.outcome(of: "a", in: "s") == nil)
        #expect(try table.outcome(of: "b", in: "s") == second)
        table.discard()
        #expect(try table.outcome(of: "b", in: "s") == nil)
    }

    @Test("a flipped byte is an error or another outcome, never a trap and never a lost neighbour")
    func damage() throws {
        var random = SeededGenerator(seed: 3)
        let table = try OutcomeTable(connection)
        try transaction {
            for number in 0..<12 {
                table.set(
                    outcome(number, review: Int64(number), &random), of: try name(number),
                    in: "s")
            }
            try table.finish()
        }
        let read = try Statement(connection, "SELECT rows FROM outcome_blocks")
        let bytes = try #require(try read.first { (row) throws(StoreError) in row.blob() }).array
        for index in bytes.indices {
            var wrong = bytes
            wrong[index] ^= 0x81
            guard let block = OutcomeBlock(ByteSlice(wrong)) else { continue }
            for row in block.rows {
                _ = block.outcome(row)
                _ = block.review(row)
            }
        }
        for count in bytes.indices {
            guard let block = OutcomeBlock(ByteSlice(Array(bytes[..<count]))) else { continue }
            for row in block.rows { _ = block.outcome(row) }
        }
        // A damaged filter is made anew.
        try connection.run("CREATE TABLE kept AS SELECT filter FROM outcome_filters")
        try connection.run("UPDATE outcome_filters SET filter = zeroblob(length(filter))")
        let mended = try OutcomeTable(connection)
        for number in 0..<12 {
            #expect(try mended.outcome(of: try name(number), in: "s") != nil)
        }
        // A damaged block says so, and stops nobody who writes.
        try connection.run("UPDATE outcome_filters SET filter = (SELECT filter FROM kept)")
        try connection.run("UPDATE outcome_blocks SET rows = x'FF'")
        let broken = try OutcomeTable(connection)
        #expect(throws: StoreError.self) { try broken.outcome(of: "mutation 1", in: "s") }
        #expect(try broken.due(at: .max, countMax: 10) { _, _ in false }.isEmpty)
        try transaction {
            broken.set(outcome(50, review: 5, &random), of: "mutation 50", in: "s")
            try broken.finish()
        }
        #expect(try broken.outcome(of: "mutation 50", in: "s") != nil)
    }
}
