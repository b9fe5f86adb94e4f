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
            var bytes = bytes
            bytes.withUnsafeMutableBytes { whole in
                let (base, count) = (whole.baseAddress, whole.count)
                #expect(
                    JournalChecksum.of(UnsafeRawBufferPointer(whole), 0..<count) == checksum)
                for border in 0..<count {
                    let parts = [
                        iovec(iov_base: base, iov_len: border),
                        iovec(iov_base: base.map { $0 + border }, iov_len: count - border),
                    ]
                    #expect(JournalChecksum.of(parts) == checksum)
                }
            }
        }
    }

    @Test("a processor without the instruction for it comes to the same sum")
    func checksumByTable() {
        var random = SeededGenerator(seed: 32)
        let bytes = (0..<600).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withUnsafeBytes { bytes in
            #expect(csqlite_crc32c_plain(0, Array("123456789".utf8), 9) == 0xE306_9283)
            for count in 0...300 {
                let start = bytes.baseAddress.map { $0 + (count * 7) % 300 }
                let seed = UInt32(truncatingIfNeeded: random.next())
                #expect(
                    csqlite_crc32c_plain(seed, start, count) == csqlite_crc32c(seed, start, count))
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

@Suite("The files of the commit journal")
struct CommitJournalFileTests {
    /// As many commits as one file takes, and the number of the last.
    private func fill(_ journal: CommitJournal) throws -> UInt64 {
        let file = journal.current
        while true {
            let free = journal.segments[file].byteCount
            guard journal.current == file, free > 0 else { return journal.lastSequence - 1 }
            try journal.append(bytes: Array(repeating: 1, count: 5_000))
        }
    }

    @Test("the other file is taken once all in it is released, and not before")
    func turns() throws {
        let files = try JournalFiles()
        let journal = try files.open()
        let first = try fill(journal)
        #expect(journal.current == 1 && journal.needsRelease)
        #expect(throws: StoreError.self) {
            for _ in 0..<100 { try journal.append(bytes: Array(repeating: 2, count: 5_000)) }
        }
        #expect(!journal.canTake(byteCount: 5_000))
        let last = journal.lastSequence
        // The part that is kept for them takes many.
        for _ in 0..<60 { try journal.append(bytes: [3], as: .control) }
        journal.release(through: first - 1)
        #expect(throws: StoreError.self) {
            try journal.append(bytes: Array(repeating: 2, count: 5_000))
        }
        #expect(try files.replay().count == Int(last) + 60)
        journal.release(through: first)
        #expect(journal.canTake(byteCount: 5_000) && !journal.needsRelease)
        #expect(
            try journal.append(bytes: Array(repeating: 2, count: 5_000)) == last + 61)
        #expect(journal.current == 0)
        #expect(try files.replay(after: first).count == Int(last - first) + 61)
    }

    @Test("a growing journal takes a larger file as soon as the old one is free")
    func growth() throws {
        let files = try JournalFiles()
        let journal = try files.open()
        let first = try fill(journal)
        let growth = try #require(journal.takeGrowth())
        #expect(journal.takeGrowth() == nil)
        #expect(growth.byteCount == 2 * CommitJournal.byteCountMin)
        try growth.write()
        journal.use(growth)
        journal.release(through: first)
        _ = try fill(journal)
        #expect(journal.current == 0)
        #expect(journal.segments[0].byteCount == growth.byteCount)
        #expect(journal.byteCapacity == 3 * CommitJournal.byteCountMin)
        #expect(journal.obstacle == nil)
        #expect(try files.replay(after: first).count == Int(journal.lastSequence - first))
    }

    @Test("a commit that no file has room for gets a file of its size")
    func large() throws {
        let files = try JournalFiles()
        let large = [UInt8](repeating: 9, count: 3 * CommitJournal.byteCountMin)
        do {
            let journal = try files.open()
            try journal.append(bytes: [1])
            #expect(try journal.append(bytes: large) == 2)
            #expect(throws: StoreError.self) { try journal.append(bytes: large + large) }
            #expect(try journal.append(bytes: [3]) == 3)
        }
        #expect(try files.replay() == [1: [1], 2: large, 3: [3]])
    }

    @Test("files are for their owner alone, and gone when they are removed")
    func names() throws {
        let files = try JournalFiles()
        let journal = try files.open()
        for file in 0...1 {
            var status = stat()
            #expect(stat(files.path(file), &status) == 0 && status.st_mode & 0o7777 == 0o600)
            #expect(status.st_size == off_t(CommitJournal.byteCountMin))
        }
        #expect(journal.obstacle == nil)
        rename(files.path(1), files.path(1) + "x")
        #expect(journal.obstacle?.contains("-commits1 has been deleted") == true)
        try journal.removeFiles()
        rename(files.path(1) + "x", files.path(1))
        unlink(files.path(1))
        #expect(files.refusal(presence: .required)?.contains("-commits0 is missing") == true)
        #expect(files.refusal() == nil)
    }

    @Test("a link, a second name and a folder are refused")
    func links() throws {
        let files = try JournalFiles()
        do { try files.open().append(bytes: [1]) }
        let aside = files.path(0) + "x"
        rename(files.path(0), aside)
        symlink(aside, files.path(0))
        #expect(files.refusal()?.contains("is a link") == true)
        unlink(files.path(0))
        link(aside, files.path(0))
        #expect(files.refusal()?.contains("is a link") == true)
        unlink(files.path(0))
        mkdir(files.path(0), 0o700)
        #expect(files.refusal()?.contains("-commits0") == true)
        rmdir(files.path(0))
        rename(aside, files.path(0))
        #expect(files.refusal() == nil)
    }

    @Test("the journal of another database is refused, unless it holds nothing")
    func foreign() throws {
        let files = try JournalFiles()
        _ = try files.open(identity: 1)
        do { try files.open(identity: 2).append(bytes: [1]) }
        #expect(files.refusal(identity: 3)?.contains("of another database") == true)
        #expect(try files.open(identity: 2).lastSequence == 1)
    }

    @Test("a file that is missing is refused if the other one holds a commit")
    func halfGone() throws {
        let files = try JournalFiles()
        _ = try files.open()
        unlink(files.path(1))
        #expect(files.refusal() == nil)
        do { try files.open().append(bytes: [1]) }
        unlink(files.path(1))
        #expect(files.refusal()?.contains("-commits1 is missing") == true)
        #expect(files.refusal(foldedThrough: 1, presence: .required) != nil)
        // A clean end was interrupted.
        let journal = try files.open(foldedThrough: 1)
        #expect(journal.lastSequence == 1)
        #expect(try journal.append(bytes: [2]) == 2)
    }

    @Test("after a write that failed the tail is mended, and the failed commit is nowhere")
    func failedWrite() throws {
        let files = try JournalFiles()
        let journal = try files.open()
        try journal.append(bytes: Array(repeating: 1, count: 6_000))
        let descriptor = journal.segments[0].descriptor
        let kept = dup(descriptor)
        let full = open("/dev/full", O_WRONLY)
        dup2(full, descriptor)
        for _ in 0..<2 {
            #expect(throws: StoreError.self) { try journal.append(bytes: [2]) }
        }
        // What a write leaves that fails behind the disk's cache: a whole record, never acknowledged.
        dup2(kept, descriptor)
        close(kept)
        close(full)
        var bytes = try files.bytes(0)
        var frame = JournalFrame(.record, identity: files.identity, sequence: 2)
        frame.payloadByteCount = 0
        bytes.withUnsafeMutableBytes {
            frame.write(to: UnsafeMutableRawBufferPointer(rebasing: $0[(4_096 + 6_032)...]))
        }
        #expect(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count)
        #expect(try files.replay().keys.sorted() == [1, 2])
        #expect(try journal.append(bytes: [3]) == 2)
        #expect(try journal.append(bytes: [4]) == 3)
        #expect(
            try files.replay() == [1: Array(repeating: 1, count: 6_000), 2: [3], 3: [4]])
    }

    @Test("an inspection tells what is there, and changes nothing")
    func inspection() throws {
        let files = try JournalFiles()
        let journal = try files.open()
        for number in 1...5 as ClosedRange<UInt8> { try journal.append(bytes: [number]) }
        let before = try files.bytes(0)
        let found = try JournalInspection(
            beside: files.database, identity: files.identity, foldedThrough: 3)
        #expect(found.files.map(\.commitCount) == [5, 0])
        #expect(found.lastSequence == 5 && found.unfoldedCount == 2)
        #expect(try files.bytes(0) == before)
    }
}
