// Seeded random schedules of the commit journal against a model: appending, releasing, growing, being
// killed at any moment with or without a torn tail, and opening again.

import Glibc
import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Schedules of the commit journal")
struct CommitJournalScheduleTests {
    /// What must be true of the journal.
    private struct Model {
        var commits: [UInt64: [UInt8]] = [:]
        var last: UInt64 = 0
        /// The database has these, and the disk has them.
        var released: UInt64 = 0
    }

    @Test("a start replays what was acknowledged, whatever came before", arguments: 1...12)
    func schedule(seed: UInt64) throws {
        let files = try JournalFiles()
        var random = SeededGenerator(seed: seed)
        var model = Model()
        var journal = try files.open()
        for _ in 0..<300 {
            switch random.next(below: 20) {
            case 0..<13:
                let size = random.next(below: 10) == 0 ? 40_000 : 4_000
                let payload = [UInt8](
                    repeating: UInt8(truncatingIfNeeded: random.next()),
                    count: random.next(below: size))
                let canTake = journal.canTake(byteCount: payload.count)
                do throws(StoreError) {
                    let sequence = try journal.append(bytes: payload)
                    #expect(sequence == model.last + 1 && canTake)
                    model.last = sequence
                    model.commits[sequence] = payload
                } catch { #expect(!canTake, "\(error.message)") }
            case 13..<16:
                model.released += UInt64(random.next(below: Int(model.last - model.released) + 1))
                journal.release(through: model.released)
            case 16:
                if let growth = journal.takeGrowth() {
                    try growth.write()
                    journal.use(growth)
                }
            case 17: try tear(journal, of: model, &random)
            default:
                let folded =
                    model.released
                    + UInt64(random.next(below: Int(model.last - model.released) + 1))
                journal = try files.open(foldedThrough: folded)
                #expect(journal.lastSequence == model.last)
                let isRight =
                    try JournalFiles.replayed(journal, after: folded)
                    == model.commits.filter { $0.key > folded }
                #expect(isRight, "seed \(seed), folded \(folded)")
                journal.release(through: model.released)
            }
            #expect(journal.obstacle == nil)
            #expect(journal.unreleasedByteCount <= journal.byteCapacity)
        }
    }

    /// What a kill in the middle of an append leaves: the beginning of the next record.
    private func tear(
        _ journal: CommitJournal, of model: Model, _ random: inout SeededGenerator
    ) throws {
        let segment = journal.segments[journal.current]
        var frame = JournalFrame(
            .record, identity: journal.identity, sequence: model.last + 1)
        frame.payloadByteCount = 500
        frame.payloadChecksum = UInt32(truncatingIfNeeded: random.next())
        var bytes = [UInt8](repeating: 0xAB, count: JournalFrame.byteCount)
        bytes.withUnsafeMutableBytes { frame.write(to: $0) }
        let count = random.next(below: bytes.count + 1)
        guard journal.position + 600 < segment.byteCount else { return }
        #expect(
            pwrite(segment.descriptor, bytes, count, off_t(journal.position)) == count)
    }
}
