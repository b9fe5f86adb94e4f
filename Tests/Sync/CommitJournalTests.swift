// The commit journal's life: appending, opening again, taking turns, releasing, growing.

import CSQLite
import Glibc
import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("The commit journal")
struct CommitJournalTests {
    @Test("CRC-32C of the vectors of RFC 3720 B.4, whole and in two parts")
    func checksums() {
        let vectors: [([UInt8], UInt32)] = [
            (Array(repeating: 0, count: 32), 0x8A91_36AA),
            (Array(repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0...31), 0x46DD_794E), ((0...31).reversed(), 0x113F_DB5C),
            (Array("123456789".utf8), 0xE306_9283),
        ]
        for (bytes, checksum) in vectors {
            #expect(csqlite_crc32c(0, bytes, bytes.count) == checksum)
            for border in bytes.indices {
                let first = csqlite_crc32c(0, bytes, border)
                let rest = Array(bytes[border...])
                #expect(csqlite_crc32c(first, rest, rest.count) == checksum)
            }
        }
    }

    @Test("what was appended is replayed in order, in whatever parts it came")
    func roundTrip() throws {
        let files = try JournalFiles()
        var journal: CommitJournal? = try files.open()
        #expect(journal?.lastSequence == 0)
        #expect(try journal?.append([ByteSlice]()) == 1)
        #expect(try journal?.append(["", "ab", "", "cde"]) == 2)
        #expect(try journal?.append(bytes: Array(repeating: 7, count: 10_000)) == 3)
        journal = nil
        let expected: [UInt64: [UInt8]] = [
            1: [], 2: Array("abcde".utf8), 3: Array(repeating: 7, count: 10_000),
        ]
        #expect(try files.replay() == expected)
        #expect(try files.replay(after: 2) == expected.filter { $0.key > 2 })
        journal = try files.open(foldedThrough: 3)
        #expect(journal?.lastSequence == 3)
        #expect(try journal?.append(bytes: [1]) == 4)
    }

    @Test("a journal that lost nothing opens at a later folded commit than its last")
    func foldedFurther() throws {
        let files = try JournalFiles()
        do { try files.open().append(bytes: [1]) }
        let journal = try files.open(foldedThrough: 9)
        #expect(journal.lastSequence == 9)
        #expect(try journal.append(bytes: [2]) == 10)
        #expect(try files.replay(after: 9) == [10: [2]])
    }
}
