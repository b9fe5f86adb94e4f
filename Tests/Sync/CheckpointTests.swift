// Checkpoints, and readers that are in their way: which one may begin when, and that commits go on
// while somebody outside does not let go of an old view.

import MizuBytes
import MizuEventLoop
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Checkpoints (engine.md, Folding)")
struct CheckpointTests {
    private func moment(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("a checkpoint that copies everything says through which fold")
    func whole() {
        var state = CheckpointState()
        #expect(state.isIdle && state.mayBegin(at: moment(0)))
        state.begin(through: 7, frames: 100)
        #expect(!state.isIdle && state.folded == 7)
        #expect(state.end(copied: 100, at: moment(1)) == 7)
        #expect(state.isIdle && !state.isHeldUp && state.mayBegin(at: moment(1)))
        #expect(state.syncedThrough == 0)
    }

    @Test("one that a reader holds up has synced the WAL, and pauses")
    func heldUp() {
        var state = CheckpointState()
        state.begin(through: 7, frames: 100)
        #expect(state.end(copied: 99, at: moment(1)) == nil)
        #expect(state.isHeldUp && state.syncedThrough == 7)
        #expect(!state.mayBegin(at: moment(50)) && state.mayBegin(at: moment(101)))
    }

    @Test("one that failed has synced nothing")
    func failed() {
        var state = CheckpointState()
        state.begin(through: 7, frames: 100)
        state.fail(at: moment(1))
        #expect(state.isIdle && state.isHeldUp && state.syncedThrough == 0)
    }

    @Test("commits go on while a reader outside keeps an old view, and all of them are there")
    func longReader() throws {
        let backing = try Backing(.sqlite)
        let path = backing.file
        var store: SQLiteStore? = try SQLiteStore(
            path: path, epoch: "one", logger: Backing.quiet)
        let outside = try Connection(path, as: .reader)
        try outside.run("BEGIN")
        _ = try outside.number("SELECT count(*) FROM scopes")
        // More than the journal's two files take at their largest.
        let size = 256 << 10
        let count = 160
        let text = ByteSlice([UInt8](repeating: UInt8(ascii: "x"), count: size))
        func commit(_ number: Int, to open: SQLiteStore) throws(StoreError) {
            try open.begin()
            if number == 1 { try open.beginEpoch("one", at: 1, in: "s") }
            try open.append(
                LogEntry(
                    first: number, last: number, timeMilliseconds: 1, bytes: text, ends: [size]),
                to: "s")
            var state = try open.scopeState("s")
            state.head = Position(cursor: number, epoch: "one")
            state.logByteCount += size
            try open.setScopeState(state, of: "s")
            try open.commit()
        }
        let limit = Instant.machine.adding(milliseconds: 60_000)
        for number in 1...count {
            let open = try #require(store)
            while true {
                do throws(StoreError) {
                    try commit(number, to: open)
                    break
                } catch {
                    // A disk that is behind for two seconds: whoever pushed comes again.
                    guard error.cause == .foldsLag, Instant.machine < limit else { throw error }
                    open.rollback()
                }
            }
            if open.foldNeed == .now { try open.fold(.slice) }
        }
        #expect(try store?.scopeState("s").head.cursor == count)
        outside.rollBack()
        store = nil
        let again = try SQLiteStore(path: path, epoch: "two", logger: Backing.quiet)
        #expect(try again.scopeState("s").head == Position(cursor: count, epoch: "one"))
    }
}
