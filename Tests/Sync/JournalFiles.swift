// What tests of the commit journal stand on: two files in a directory of their own, opened again and
// again, whose bytes can be read, cut and flipped in between.

import MizuBytes
import MizuSync
import Testing

@testable import MizuSyncSQLite

/// The files of one journal.
final class JournalFiles {
    private let directory: TemporaryDirectory
    let identity: UInt64 = 0x0123_4567_89AB_CDEF

    init() throws { directory = try TemporaryDirectory() }

    var database: String { directory.path + "/mizu.db" }
    func path(_ file: Int) -> String { database + JournalSegment.suffixes[file] }

    func open(
        foldedThrough folded: UInt64 = 0, identity: UInt64? = nil,
        presence: CommitJournal.Presence = .optional
    ) throws(StoreError) -> CommitJournal {
        let opener = JournalOpener(
            path: database, identity: identity ?? self.identity, foldedThrough: folded,
            presence: presence, byteCount: CommitJournal.byteCountMin)
        return try CommitJournal(opener, logger: Backing.quiet)
    }

    /// What a start would replay behind `folded`.
    func replay(after folded: UInt64 = 0) throws(StoreError) -> [UInt64: [UInt8]] {
        try Self.replayed(try open(foldedThrough: folded), after: folded)
    }

    static func replayed(
        _ journal: CommitJournal, after folded: UInt64 = 0
    ) throws(StoreError) -> [UInt64: [UInt8]] {
        var found: [UInt64: [UInt8]] = [:]
        var last = folded
        try journal.replay(after: folded) { sequence, payload in
            #expect(sequence == last + 1)
            last = sequence
            found[sequence] = payload.array
        }
        return found
    }

    /// Why the journal does not open; nil if it does.
    func refusal(
        foldedThrough folded: UInt64 = 0, identity: UInt64? = nil,
        presence: CommitJournal.Presence = .optional
    ) -> String? {
        do throws(StoreError) {
            _ = try open(foldedThrough: folded, identity: identity, presence: presence)
            return nil
        } catch { return error.message }
    }

    func bytes(_ file: Int) throws -> [UInt8] { try #require(Backing.read(path(file))) }
    func write(_ bytes: [UInt8], file: Int) throws { try Backing.write(bytes, to: path(file)) }
}

extension CommitJournal {
    @discardableResult
    func append(bytes: [UInt8], as purpose: Purpose = .commit) throws(StoreError) -> UInt64 {
        try append([ByteSlice(bytes)], as: purpose)
    }
}
