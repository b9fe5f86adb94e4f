// Blocks of the log as bytes: what is written is read, several mutations become one row and are
// taken apart again, and no damage stops the process.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Blocks of the log")
struct LogBlockTests {
    /// Mutations of one to `changesMax` changes each, the first of them at cursor `first`.
    static func entries(
        _ count: Int, from first: Int, changesMax: Int, size: Int, seed: UInt64
    ) -> [LogEntry] {
        var random = SeededGenerator(seed: seed)
        var cursor = first
        return (0..<count).map { index in
            let changes = 1 + random.next(below: changesMax)
            let texts = (0..<changes).map { change in
                "{\"cursor\":\(cursor + change),\"x\":\""
                    + String(repeating: "x", count: random.next(below: size)) + "\"}"
            }
            var ends: [Int] = []
            for text in texts { ends.append((ends.last.map { $0 + 1 } ?? 0) + text.utf8.count) }
            defer { cursor += changes }
            return LogEntry(
                first: cursor, last: cursor + changes - 1,
                timeMilliseconds: 1_800_000_000_000 + Int64(index * 7 % 5),
                bytes: ByteSlice(texts.joined(separator: ",")), ends: ends)
        }
    }

    private func readBack(_ block: LogEntry) -> LogEntry? {
        LogBlock.read(
            LogBlock.Header(
                first: block.first, last: block.last, time: block.timesMilliseconds[0]),
            marks: LogBlock.marks(of: block), bytes: block.bytes)
    }

    @Test("mutations are joined, read back and taken apart", arguments: [1, 2, 7])
    func roundTrip(_ changesMax: Int) throws {
        let entries = Self.entries(300, from: 41, changesMax: changesMax, size: 300, seed: 5)
        let blocks = LogBlock.cut(entries)
        #expect(blocks.count > 2)
        #expect(blocks.allSatisfy { $0.bytes.count <= LogBlock.bytesMax })
        #expect(blocks.flatMap(\.borders) == entries.map(\.last))
        #expect(blocks.flatMap(\.timesMilliseconds) == entries.map(\.timeMilliseconds))
        #expect(
            blocks.reduce(0) { $0 + $1.changeByteCount }
                == entries.reduce(0) { $0 + $1.bytes.count })
        for block in blocks {
            let read = try #require(readBack(block))
            #expect(read.ends == block.ends && read.borders == block.borders)
            #expect(read.timesMilliseconds == block.timesMilliseconds)
            let olds = try #require(
                LogBlock.olds(
                    LogBlock.Header(
                        first: block.first, last: block.last, time: block.timesMilliseconds[0]),
                    marks: LogBlock.marks(of: block), byteCount: block.bytes.count))
            let mine = entries.filter { $0.first >= block.first && $0.last <= block.last }
            #expect(olds.map(\.last) == mine.map(\.last))
            #expect(olds.map(\.byteCount) == mine.map(\.bytes.count))
            // What is left behind each of its mutations is what the later ones were.
            for (index, border) in block.borders.enumerated() {
                let rest = LogBlock.rest(of: block, after: border)
                let later = Array(mine[(index + 1)...])
                #expect((rest == nil) == later.isEmpty)
                guard let rest else { continue }
                #expect(rest.bytes.string == later.map(\.bytes.string).joined(separator: ","))
                #expect(try #require(readBack(rest)).ends == rest.ends)
            }
        }
    }

    @Test("a mutation larger than a block has one of its own")
    func large() {
        let entries = Self.entries(5, from: 1, changesMax: 1, size: 60_000, seed: 11)
        #expect(LogBlock.cut(entries).flatMap(\.borders) == [1, 2, 3, 4, 5])
    }

    @Test("marks that do not fit are refused, whatever they are")
    func damage() throws {
        let entries = Self.entries(12, from: 9, changesMax: 3, size: 40, seed: 3)
        let block = try #require(LogBlock.cut(entries).first)
        let marks = LogBlock.marks(of: block).array
        let header = LogBlock.Header(
            first: block.first, last: block.last, time: block.timesMilliseconds[0])
        func isWhole(_ entry: LogEntry?) -> Bool {
            guard let entry else { return true }
            return entry.ends.last == block.bytes.count && entry.borders.last == block.last
                && entry.ends == entry.ends.sorted() && entry.borders == entry.borders.sorted()
        }
        for index in marks.indices {
            for bit in 0..<8 {
                var wrong = marks
                wrong[index] ^= 1 << UInt8(bit)
                #expect(
                    isWhole(
                        LogBlock.read(header, marks: ByteSlice(wrong), bytes: block.bytes)))
            }
            let cut = ByteSlice(Array(marks[..<index]))
            #expect(LogBlock.read(header, marks: cut, bytes: block.bytes) == nil)
        }
        let numbers = [Int.min, -1, 0, 1, block.first, block.last, Int.max - 1, Int.max]
        for first in numbers {
            for last in numbers where (first, last) != (block.first, block.last) {
                let wrong = LogBlock.Header(first: first, last: last, time: .max)
                #expect(
                    LogBlock.read(wrong, marks: ByteSlice(marks), bytes: block.bytes) == nil)
                _ = LogBlock.read(wrong, marks: .empty, bytes: block.bytes)
            }
        }
    }

    @Test("numbers of any size are read back, and longer ones are refused")
    func numbers() throws {
        let numbers: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, 1 << 62, 1 << 63, .max]
        let signed: [Int64] = [0, -1, 1, -64, 64, .min, .max]
        var buffer = ByteBuffer(capacity: 8)
        for number in numbers { buffer.append(unsigned: number) }
        for number in signed { buffer.append(signed: number) }
        buffer.finish().withUnsafeBytes { bytes in
            var reader = CompactReader(bytes)
            for number in numbers { #expect(reader.unsigned() == number) }
            for number in signed { #expect(reader.signed() == number) }
            #expect(reader.isAtEnd)
            #expect(reader.unsigned() == nil)
        }
        let tooLong = [UInt8](repeating: 0xFF, count: 9) + [0x02]
        tooLong.withUnsafeBytes { bytes in
            var reader = CompactReader(bytes)
            #expect(reader.unsigned() == nil)
        }
        [UInt8](repeating: 0x80, count: 11).withUnsafeBytes { bytes in
            var reader = CompactReader(bytes)
            #expect(reader.unsigned() == nil)
        }
    }
}

/// Blocks in their table.
@Suite("Blocks of the log in the database")
struct LogBlockWriterTests {
    private let directory: TemporaryDirectory
    private let connection: Connection
    private let rows: SQLiteRows

    init() throws {
        directory = try TemporaryDirectory()
        connection = try Connection(directory.path + "/x.db", as: .writer)
        try Schema.prepare(connection, logger: Backing.quiet)
        rows = try SQLiteRows(connection, epoch: CurrentEpoch("e"))
    }

    private func log(after cursor: Int = 0) throws -> (text: String, borders: [Int], rows: Int) {
        var (texts, borders): ([String], [Int]) = ([], [])
        try rows.log.visitLog(of: "s", after: cursor) { entry in
            texts.append(entry.bytes.string)
            borders += entry.borders
            return .next
        }
        return (texts.joined(separator: ","), borders, texts.count)
    }

    @Test("one mutation at a time makes few rows, and trimming cuts through them")
    func trickle() throws {
        let entries = LogBlockTests.entries(500, from: 1, changesMax: 2, size: 200, seed: 8)
        try connection.run("BEGIN")
        for entry in entries { try rows.append([entry], to: "s") }
        try connection.run("COMMIT")
        let written = try log()
        #expect(written.text == entries.map(\.bytes.string).joined(separator: ","))
        #expect(written.borders == entries.map(\.last))
        #expect(written.rows < 20, "\(written.rows) rows")
        for index in [0, 1, 150, 151, 300, 498] {
            try rows.trimLog(of: "s", through: entries[index].last)
            let left = entries[(index + 1)...]
            #expect(try log().text == left.map(\.bytes.string).joined(separator: ","))
            let oldest = try rows.oldestEntries(of: "s", countMax: 40)
            #expect(oldest.map(\.last) == left.prefix(40).map(\.last))
            #expect(oldest.map(\.byteCount) == left.prefix(40).map(\.bytes.count))
        }
        // Into a mutation: it stays whole.
        let last = try #require(entries.last)
        try rows.trimLog(of: "s", through: last.last - 1)
        #expect(try log().borders == [last.last])
        try rows.trimLog(of: "s", through: last.last)
        #expect(try log().rows == 0)
    }

    @Test("a damaged block says so, and what follows it is appended all the same")
    func damage() throws {
        let entries = LogBlockTests.entries(6, from: 1, changesMax: 3, size: 90, seed: 4)
        try rows.append(Array(entries[..<3]), to: "s")
        try connection.run("UPDATE log SET marks = x'FF'")
        try rows.append(Array(entries[3...]), to: "s")
        #expect(try log(after: entries[2].last).borders == entries[3...].map(\.last))
        #expect(throws: StoreError.self) { try log() }
        #expect(throws: StoreError.self) { try rows.oldestEntries(of: "s", countMax: 10) }
    }
}
