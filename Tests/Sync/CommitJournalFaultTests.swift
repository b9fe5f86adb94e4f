// What a start makes of files that are not as they were left: torn by a loss of power, cut, or with a
// bit flipped. Whatever happens, everything acknowledged is there, or the start is refused.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Faults of the commit journal")
struct CommitJournalFaultTests {
    private static let identity: UInt64 = 0x0123_4567_89AB_CDEF

    /// A file as `append` leaves it, made of payloads, with the mark behind the last.
    private struct File {
        var bytes = [UInt8](repeating: 0, count: 8_192)
        var end = JournalHeader.recordsOffset
        var payloads: [UInt64: [UInt8]] = [:]

        mutating func append(_ sequence: UInt64, _ payload: [UInt8]) {
            put(.record, sequence, payload)
            end += JournalFrame.byteCount(payload: payload.count)
            payloads[sequence] = payload
            put(.mark, sequence, [])
        }

        mutating func put(_ kind: JournalFrame.Kind, _ sequence: UInt64, _ payload: [UInt8]) {
            var frame = JournalFrame(kind, identity: identity, sequence: sequence)
            frame.payloadByteCount = payload.count
            frame.payloadChecksum = payload.withUnsafeBytes {
                JournalChecksum.of($0, 0..<payload.count)
            }
            bytes.withUnsafeMutableBytes {
                frame.write(to: UnsafeMutableRawBufferPointer(rebasing: $0[end...]))
            }
            let start = end + JournalFrame.byteCount
            bytes.replaceSubrange(start..<start + payload.count, with: payload)
        }
    }

    private func payload(_ sequence: UInt64, count: Int? = nil) -> [UInt8] {
        var random = SeededGenerator(seed: sequence)
        return (0..<(count ?? random.next(below: 200))).map { _ in
            UInt8(truncatingIfNeeded: random.next())
        }
    }

    private func file(_ sequences: ClosedRange<UInt64>) -> File {
        var file = File()
        for sequence in sequences { file.append(sequence, payload(sequence)) }
        return file
    }

    /// The replayed commits; nil if the start is refused.
    private func start(_ files: [[UInt8]], folded: UInt64) -> [UInt64: [UInt8]]? {
        let scans = files.map { $0.withUnsafeBytes { JournalScan($0, identity: Self.identity) } }
        guard let history = try? JournalHistory(scans, foldedThrough: folded) else { return nil }
        return Dictionary(
            uniqueKeysWithValues: history.unfolded.map {
                ($0.found.sequence, Array(files[$0.file][$0.found.payload]))
            })
    }

    private func fault(_ files: [[UInt8]], folded: UInt64) -> JournalFault? {
        let scans = files.map { $0.withUnsafeBytes { JournalScan($0, identity: Self.identity) } }
        do throws(JournalFault) {
            _ = try JournalHistory(scans, foldedThrough: folded)
            return nil
        } catch { return error }
    }

    @Test("with any bit flipped everything acknowledged is replayed, or the start is refused")
    func flips() throws {
        // The older file is full, and behind the newer one's end are commits of the round before.
        let old = file(11...16)
        var new = file(3...8)
        new.end = JournalHeader.recordsOffset
        new.payloads = [:]
        for sequence in 17...19 as ClosedRange<UInt64> {
            new.append(sequence, payload(sequence, count: 50))
        }
        let all = old.payloads.merging(new.payloads) { $1 }
        var refused = 0
        for (file, length) in [(0, old.end + 64), (1, new.end + 64)] {
            for offset in JournalHeader.recordsOffset..<length {
                var bytes = [old.bytes, new.bytes]
                bytes[file][offset] ^= 1 << (offset % 8)
                for folded in [10, 12, 16, 18, 19] as [UInt64] {
                    let found = start(bytes, folded: folded)
                    if found == nil { refused += 1 }
                    let isRight = found == nil || found == all.filter { $0.key > folded }
                    #expect(isRight, "file \(file), byte \(offset), folded \(folded)")
                    // What is folded is not asked for.
                    #expect(folded < 19 || found != nil)
                }
            }
        }
        #expect(refused > 1_000)
    }

    @Test("damage is told with its place", arguments: 11...16 as ClosedRange<UInt64>)
    func places(broken: UInt64) throws {
        let (old, new) = (file(11...16), file(17...18))
        var end = JournalHeader.recordsOffset
        for sequence in 11..<broken {
            end += JournalFrame.byteCount(payload: payload(sequence).count)
        }
        var bytes = [old.bytes, new.bytes]
        bytes[0][end + 20] ^= 4
        #expect(
            fault(bytes, folded: 10) == .damaged(file: 0, offset: end, sequence: broken))
        #expect(fault(bytes, folded: broken) == nil)
    }

    @Test("a database that is older than what was released is told so")
    func olderDatabase() {
        let (old, new) = (file(11...16), file(17...18))
        #expect(fault([old.bytes, new.bytes], folded: 5) == .databaseIsOlder(first: 11))
        #expect(fault([old.bytes, new.bytes], folded: 10) == nil)
    }

    @Test("a commit that was torn at any byte is dropped, and the one before stays")
    func torn() {
        var before = file(1...3)
        let rest = file(1...3)
        before.append(4, payload(4, count: 90))
        let whole = before
        let start = rest.end
        for cut in 0...(whole.end - start) {
            // Those bytes reached the disk, and the others are as they were.
            var bytes = rest.bytes
            bytes.replaceSubrange(start..<start + cut, with: whole.bytes[start..<start + cut])
            let found = self.start([bytes, File().bytes], folded: 0)
            let isWhole = cut >= JournalFrame.byteCount + 90
            let isRight = found == (isWhole ? whole.payloads : rest.payloads)
            #expect(isRight, "cut at \(cut)")
            // Torn or not, it was begun: what comes before was acknowledged.
            if cut >= JournalFrame.byteCount {
                var flipped = bytes
                flipped[start - 10] ^= 1
                let isRefused = self.start([flipped, File().bytes], folded: 0) == nil
                #expect(isRefused)
            }
        }
    }

    @Test("of a commit of many sectors any may have reached the disk")
    func tornSectors() {
        let rest = file(1...3)
        // Without its mark, which is written when all of it is there.
        var whole = rest
        whole.put(.record, 4, payload(4, count: 3_000))
        whole.payloads[4] = payload(4, count: 3_000)
        var random = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            var bytes = rest.bytes
            var isWhole = true
            for sector in stride(from: 4_096, to: 8_192, by: 512) {
                let part = sector..<sector + 512
                if random.next(below: 8) > 0 {
                    bytes.replaceSubrange(part, with: whole.bytes[part])
                } else if rest.bytes[part] != whole.bytes[part] {
                    isWhole = false
                }
            }
            let isRight =
                start([bytes, File().bytes], folded: 0)
                == (isWhole ? whole.payloads : rest.payloads)
            #expect(isRight)
        }
    }

    @Test("a file that was cut anywhere is refused, and one with any byte of its header flipped")
    func cut() throws {
        let files = try JournalFiles()
        do { try files.open().append(bytes: [1, 2, 3]) }
        let whole = try files.bytes(0)
        var random = SeededGenerator(seed: 2)
        let cuts = [0, 1, 39, 40, 4_095, 4_096, 4_100, whole.count - 1]
        for cut in cuts + (0..<20).map({ _ in random.next(below: whole.count) }) {
            try files.write(Array(whole[..<cut]), file: 0)
            let refusal = files.refusal() ?? ""
            #expect(refusal.contains("-commits0 is damaged from byte"), "cut at \(cut): \(refusal)")
            #expect(refusal.contains("mizu sync restore"))
        }
        for offset in 0..<JournalHeader.byteCount {
            var flipped = whole
            flipped[offset] ^= 1 << (offset % 8)
            try files.write(flipped, file: 0)
            #expect(files.refusal() != nil, "byte \(offset)")
        }
        try files.write(whole + [0, 0, 0], file: 0)
        #expect(try files.replay() == [1: [1, 2, 3]])
    }

    @Test("bytes that are anything end no process")
    func noise() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<300 {
            var bytes = file(1...5).bytes
            for _ in 0..<random.next(below: 40) {
                let offset = random.next(below: bytes.count)
                bytes[offset] = UInt8(truncatingIfNeeded: random.next())
            }
            // Frames whose checksum fits, with any length and number.
            var frame = JournalFrame(
                .record, identity: Self.identity,
                sequence: [0, 1, 6, .max][random.next(below: 4)])
            frame.payloadByteCount = random.next(below: 1 << 20)
            let offset = JournalHeader.recordsOffset + 8 * random.next(below: 500)
            bytes.withUnsafeMutableBytes {
                frame.write(to: UnsafeMutableRawBufferPointer(rebasing: $0[offset...]))
            }
            bytes.removeLast(random.next(below: 60))
            _ = start([bytes, bytes], folded: UInt64(random.next(below: 7)))
            _ = bytes.withUnsafeBytes { JournalHeader($0) }
        }
    }
}
