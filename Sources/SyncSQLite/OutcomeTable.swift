// Outcomes in the database. Mutations' ids are random: in a tree by id, each of a thousand new
// outcomes would touch a page of its own. So they are kept in runs, as log-structured merge trees
// keep theirs: what one transaction adds is sorted by hash, cut into blocks of a page each and
// written as one run; small neighbouring runs are merged. New outcomes cost a fortieth of a page
// each, and no statement. Outcomes of a time are together, so what is due goes by whole blocks.
//
//   set, remove ──► gathered ──finish──► removed ones leave their blocks; the rest is a new run,
//                                        merged with the last ones while these are not larger
//   find: gathered ─► filters of all runs, the latest first ─► one block
//
// Confined to the writer's thread, like its connection. Begins and ends no transaction.

import CSQLite
import MizuBytes
import MizuSync

final class OutcomeTable {
    private let connection: Connection
    private let allRuns, setRun, setFilter, removeRun, removeFilter: Statement
    private let block, blocks, setBlock, removeBlock, removeBlocks: Statement
    /// Oldest first; nil until they are read.
    @exclusivity(unchecked) var known: [OutcomeRun]?
    private let salt: UInt64
    /// What is not written yet, by the hashes that blocks are sorted by.
    @exclusivity(unchecked) var gathered = PendingTable<OutcomeKey, StoredOutcome>()

    /// A merge rewrites no more than this, and a run that is larger is no more merged.
    static let runCountMax = 8192

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        salt = try Schema.salt(connection)
        allRuns = try Statement(
            connection,
            """
            SELECT outcome_runs.id AS id, count, review, firsts, filter, sum
            FROM outcome_runs LEFT JOIN outcome_filters USING(id) ORDER BY outcome_runs.id
            """, columns: RunColumn.self)
        setRun = try Statement(
            connection, "INSERT OR REPLACE INTO outcome_runs(id, count, review) VALUES(?, ?, ?)")
        setFilter = try Statement(
            connection,
            """
            INSERT OR REPLACE INTO outcome_filters(id, firsts, filter, sum) VALUES(?, ?, ?, ?)
            """)
        removeRun = try Statement(connection, "DELETE FROM outcome_runs WHERE id = ?")
        removeFilter = try Statement(connection, "DELETE FROM outcome_filters WHERE id = ?")
        block = try Statement(
            connection, "SELECT id, rows FROM outcome_blocks WHERE id = ?",
            columns: OutcomeBlockColumn.self)
        blocks = try Statement(
            connection, "SELECT id, rows FROM outcome_blocks WHERE id BETWEEN ? AND ? ORDER BY id",
            columns: OutcomeBlockColumn.self)
        setBlock = try Statement(
            connection, "INSERT OR REPLACE INTO outcome_blocks(id, rows) VALUES(?, ?)")
        removeBlock = try Statement(connection, "DELETE FROM outcome_blocks WHERE id = ?")
        removeBlocks = try Statement(
            connection, "DELETE FROM outcome_blocks WHERE id BETWEEN ? AND ?")
    }

    // MARK: One outcome

    func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        let key = OutcomeKey(scope: scope, mutation: mutation)
        let hash = key.hash(salt: salt)
        if let own = gathered.value(of: key, hash: Int(truncatingIfNeeded: hash)) { return own }
        return try find(key, hash: hash)?.outcome
    }

    func set(_ outcome: StoredOutcome, of mutation: Name, in scope: Name) {
        gather(outcome, OutcomeKey(scope: scope, mutation: mutation))
    }

    func remove(_ mutation: Name, in scope: Name) {
        gather(nil, OutcomeKey(scope: scope, mutation: mutation))
    }

    private func gather(_ outcome: StoredOutcome?, _ key: OutcomeKey) {
        gathered.set(outcome, for: key, hash: Int(truncatingIfNeeded: key.hash(salt: salt)))
    }

    // MARK: Transactions

    /// Forgets what is not written, and all that was read.
    func discard() {
        gathered = PendingTable()
        known = nil
    }

    /// What the table has of the outcomes that are written.
    enum Earlier { case some, none }

    /// Writes what was gathered, in place of what there is of it.
    func finish(earlier: Earlier = .some) throws(StoreError) {
        guard !gathered.isEmpty else { return }
        var gathering = OutcomeGathering(count: gathered.rows.count)
        var gone: [Int: Set<OutcomeKey>] = [:]
        for row in gathered.rows {
            let hash = UInt64(truncatingIfNeeded: row.hash)
            if case .some = earlier, let place = try placeIfReadable(row.key, hash: hash) {
                gone[place, default: []].insert(row.key)
            }
            if let outcome = row.value { gathering.add(outcome, of: row.key, hash: hash) }
        }
        for (id, keys) in gone { try drop(keys, from: id) }
        if gathering.count > 0 { try write(&gathering) }
        gathered = PendingTable()
    }

    // MARK: Finding

    private func find(
        _ key: OutcomeKey, hash: UInt64
    ) throws(StoreError) -> (blockID: Int, outcome: StoredOutcome)? {
        // The latest first: what is asked for again was asked for a moment ago.
        let runs = try runs()
        var end = runs.count
        while let number = Self.last(of: runs[..<end], mayHold: hash) {
            end = number
            for index in runs[number].blockIndices(of: hash) {
                let id = runs[number].blockID(index)
                guard let block = try read(id) else { continue }
                for row in block.rows where row.hash == hash && block.has(row, key) {
                    guard let found = block.outcome(row) else { throw damaged(id) }
                    return (id, found.outcome)
                }
            }
        }
        return nil
    }

    /// The last run that may hold an outcome of this hash. Every new mutation asks all of them, and
    /// nearly all say no: so no reference is counted for the question.
    private static func last(of runs: ArraySlice<OutcomeRun>, mayHold hash: UInt64) -> Int? {
        runs.withUnsafeBufferPointer { runs in
            var number = runs.count
            while number > 0 {
                number -= 1
                if runs[number].filter.mayHold(hash) { return number }
            }
            return nil
        }
    }

    /// A block that cannot be read keeps what is in it: it must not stop all that is written.
    private func placeIfReadable(_ key: OutcomeKey, hash: UInt64) throws(StoreError) -> Int? {
        do throws(StoreError) {
            return try find(key, hash: hash)?.blockID
        } catch {
            guard error.kind == .statement else { throw error }
            return nil
        }
    }

    func read(_ id: Int) throws(StoreError) -> OutcomeBlock? {
        let bytes = try block.bind(id).first { (row) throws(StoreError) in
            row.blob(OutcomeBlockColumn.rows)
        }
        guard let bytes else { return nil }
        guard let block = OutcomeBlock(bytes) else { throw damaged(id) }
        return block
    }

    /// Visits the blocks of a run; nil stands for one that cannot be read.
    func visit(
        _ run: OutcomeRun, _ body: (Int, OutcomeBlock?) throws(StoreError) -> Visit
    ) throws(StoreError) {
        try blocks.bind(run.blockIDs.lowerBound).bind(run.blockIDs.upperBound)
            .each { (row) throws(StoreError) in
                try body(
                    row.int(OutcomeBlockColumn.id),
                    OutcomeBlock(row.blob(OutcomeBlockColumn.rows)))
            }
    }

    func damaged(_ id: Int) -> StoreError {
        StoreError(.statement, "\(connection.path): the block \(id) of outcomes is damaged")
    }

    // MARK: Writing

    private func drop(_ keys: Set<OutcomeKey>, from id: Int) throws(StoreError) {
        guard let index = known?.firstIndex(where: { $0.blockIDs.contains(id) }),
            var run = known?[index], let block = try read(id)
        else { return }
        var rest = OutcomeGathering(count: block.rows.count)
        rest.add(block) { row in !keys.contains { block.has(row, $0) } }
        run.count -= block.rows.count - rest.count
        guard run.count > 0 else {
            try remove(run)
            known?.remove(at: index)
            return
        }
        if rest.count == 0 {
            try removeBlock.bind(id).run()
        } else {
            // It was one block, so what is left of it is.
            try rest.cut { (_, bytes) throws(StoreError) in
                try setBlock.bind(id).bind(bytes).run()
            }
        }
        known?[index] = run
        try setRun.bind(run.id).bind(run.count).bind(Int(run.reviewMin)).run()
    }

    private func remove(_ run: OutcomeRun) throws(StoreError) {
        try removeBlocks.bind(run.blockIDs.lowerBound).bind(run.blockIDs.upperBound).run()
        try removeRun.bind(run.id).run()
        try removeFilter.bind(run.id).run()
    }

    private func write(_ gathering: inout OutcomeGathering) throws(StoreError) {
        var id = (try runs().last?.id ?? 0) + 1
        while let last = known?.last, last.count <= 2 * gathering.count,
            last.count + gathering.count <= Self.runCountMax
        {
            guard let blocks = try blocksIfReadable(of: last) else { break }
            for block in blocks { gathering.add(block) { _ in true } }
            try remove(last)
            known?.removeLast()
            id = last.id
        }
        var firsts: [UInt64] = []
        try gathering.cut { (first, bytes) throws(StoreError) in
            guard OutcomeRun.canNumber(blocks: firsts.count + 1) else {
                throw StoreError(.statement, "too many outcomes for one transaction")
            }
            try setBlock.bind(id << OutcomeRun.blockBits | firsts.count).bind(bytes).run()
            firsts.append(first)
        }
        let run = OutcomeRun(
            id: id, count: gathering.count, reviewMin: gathering.reviewMin, firsts: firsts,
            filter: OutcomeFilter(gathering.hashes))
        try setRun.bind(run.id).bind(run.count).bind(Int(run.reviewMin)).run()
        try write(filterOf: run)
        known?.append(run)
    }

    private func write(filterOf run: OutcomeRun) throws(StoreError) {
        let (firsts, filter) = (Words.write(run.firsts), Words.write(run.filter.words))
        let sum = OutcomeFilter.sum(firsts, filter)
        try setFilter.bind(run.id).bind(firsts).bind(filter).bind(Int(truncatingIfNeeded: sum))
            .run()
    }

    /// Nil where one is damaged: then the run stays as it is.
    private func blocksIfReadable(of run: OutcomeRun) throws(StoreError) -> [OutcomeBlock]? {
        var found: [OutcomeBlock] = []
        do throws(StoreError) {
            try visit(run) { (id, block) throws(StoreError) in
                guard let block else { throw damaged(id) }
                found.append(block)
                return .next
            }
        } catch {
            guard error.kind == .statement else { throw error }
            return nil
        }
        return found
    }

    // MARK: The list of runs

    func runs() throws(StoreError) -> [OutcomeRun] {
        if let known { return known }
        var read: [OutcomeRun] = []
        try allRuns.each { (row) throws(StoreError) in
            let (firsts, filter) = (row.blob(RunColumn.firsts), row.blob(RunColumn.filter))
            let words = OutcomeFilter(words: Words.read(filter))
            let sum = UInt64(bitPattern: Int64(row.int(RunColumn.sum)))
            let isWhole = words != nil && sum == OutcomeFilter.sum(firsts, filter)
            let (id, count) = (row.int(RunColumn.id), row.int(RunColumn.count))
            guard id >= 1, id < Int.max >> OutcomeRun.blockBits, count >= 0 else {
                throw damaged(id)
            }
            read.append(
                OutcomeRun(
                    id: id, count: count, reviewMin: Int64(row.int(RunColumn.review)),
                    firsts: isWhole ? Words.read(firsts) : [],
                    filter: isWhole ? words ?? OutcomeFilter([]) : OutcomeFilter([])))
            return .next
        }
        for (index, run) in read.enumerated() where run.firsts.isEmpty {
            read[index] = try mended(run)
        }
        known = read
        return read
    }

    /// The run with a filter made anew from its blocks.
    private func mended(_ run: OutcomeRun) throws(StoreError) -> OutcomeRun {
        var (firsts, hashes): ([UInt64], [UInt64]) = ([], [])
        try visit(run) { (id, block) throws(StoreError) in
            guard let block else { throw damaged(id) }
            let index = id - run.blockIDs.lowerBound
            // Where a block is gone, the one before it goes on.
            while firsts.count <= index { firsts.append(block.rows.first?.hash ?? 0) }
            hashes.append(contentsOf: block.rows.map(\.hash))
            return .next
        }
        return OutcomeRun(
            id: run.id, count: run.count, reviewMin: run.reviewMin, firsts: firsts,
            filter: OutcomeFilter(hashes))
    }
}

private enum RunColumn: Int32, Columns { case id, count, review, firsts, filter, sum }

private enum OutcomeBlockColumn: Int32, Columns { case id, rows }
