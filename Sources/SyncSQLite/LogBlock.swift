// A row of the log: neighbouring mutations of one scope. Their changes are one run of bytes, as
// they go out; where each change and each mutation ends, and when it was applied, is in `marks`:
//
//   for each mutation: how many changes, how much later than the one before (signed),
//   and then the length of each change                         (numbers as in CompactBytes.swift)
//
// One mutation of one change needs no marks. Knows no SQL; everything it reads is checked.

import MizuBytes
import MizuSync

enum LogBlock {
    /// A block is ended before it would pass this; only a larger mutation makes a larger one. So a
    /// page of a hundred changes is a few rows, and no page reads much that it does not need.
    static let bytesMax = 16 << 10

    /// The place and the time of a block in its columns.
    struct Header {
        let first: Int
        let last: Int
        /// Of the first mutation.
        let time: Int64
    }

    // MARK: Writing

    static func marks(of entry: LogEntry) -> ByteSlice {
        guard entry.ends.count > 1 else { return .empty }
        var buffer = ByteBuffer(capacity: entry.ends.count * 2 + entry.borders.count * 4)
        var index = 0
        var time = entry.timesMilliseconds.first ?? 0
        for (border, next) in zip(entry.borders, entry.timesMilliseconds) {
            let stop = border - entry.first + 1
            buffer.append(count: stop - index)
            buffer.append(signed: next &- time)
            time = next
            while index < stop {
                let start = index == 0 ? 0 : entry.ends[index - 1] + 1
                buffer.append(count: entry.ends[index] - start)
                index += 1
            }
        }
        return buffer.finish()
    }

    /// What follows each other without a gap, cut into blocks.
    static func cut(_ entries: [LogEntry]) -> [LogEntry] {
        var blocks: [LogEntry] = []
        var start = 0
        var size = 0
        for (index, entry) in entries.enumerated() {
            if index > start, size + 1 + entry.bytes.count > bytesMax {
                blocks.append(join(entries[start..<index]))
                (start, size) = (index, 0)
            }
            size += entry.bytes.count + 1
        }
        if start < entries.count { blocks.append(join(entries[start...])) }
        return blocks
    }

    private static func join(_ entries: ArraySlice<LogEntry>) -> LogEntry {
        guard let first = entries.first, entries.count > 1 else {
            return entries[entries.startIndex]
        }
        var buffer = ByteBuffer(capacity: entries.reduce(0) { $0 + $1.bytes.count + 1 })
        var (ends, borders, times): ([Int], [Int], [Int64]) = ([], [], [])
        for entry in entries {
            if buffer.count > 0 { buffer.append(UInt8(ascii: ",")) }
            let start = buffer.count
            buffer.append(entry.bytes)
            for end in entry.ends { ends.append(start + end) }
            borders.append(contentsOf: entry.borders)
            times.append(contentsOf: entry.timesMilliseconds)
        }
        return LogEntry(
            first: first.first, bytes: buffer.finish(), ends: ends, borders: borders,
            timesMilliseconds: times)
    }

    /// What is left of a block when the mutations up to cursor `base` are gone; nil where nothing
    /// is.
    static func rest(of entry: LogEntry, after base: Int) -> LogEntry? {
        let gone = entry.borders.prefix { $0 <= base }.count
        guard gone > 0 else { return entry }
        guard gone < entry.borders.count else { return nil }
        let first = entry.borders[gone - 1] + 1
        let index = first - entry.first
        let start = entry.ends[index - 1] + 1
        return LogEntry(
            first: first, bytes: entry.bytes[start..<entry.bytes.count],
            ends: entry.ends[index...].map { $0 - start },
            borders: Array(entry.borders[gone...]),
            timesMilliseconds: Array(entry.timesMilliseconds[gone...]))
    }

    // MARK: Reading

    /// Nil where the columns do not fit each other.
    static func read(_ header: Header, marks: ByteSlice, bytes: ByteSlice) -> LogEntry? {
        guard let marks = Marks(header, marks, byteCount: bytes.count) else { return nil }
        return LogEntry(
            first: header.first, bytes: bytes, ends: marks.ends, borders: marks.borders,
            timesMilliseconds: marks.times)
    }

    /// Its mutations as trimming sees them; nil where the columns do not fit each other.
    static func olds(_ header: Header, marks: ByteSlice, byteCount: Int) -> [OldEntry]? {
        guard let marks = Marks(header, marks, byteCount: byteCount) else { return nil }
        var start = 0
        return zip(marks.borders, marks.times).map { border, time in
            let end = marks.ends[border - header.first]
            defer { start = end + 1 }
            return OldEntry(last: border, timeMilliseconds: time, byteCount: end - start)
        }
    }

    /// All that the marks say, checked.
    private struct Marks {
        private(set) var ends: [Int] = []
        private(set) var borders: [Int] = []
        private(set) var times: [Int64] = []

        init?(_ header: Header, _ marks: ByteSlice, byteCount: Int) {
            guard header.first >= 1, header.first <= header.last,
                header.last <= Position.cursorMax
            else { return nil }
            let count = header.last - header.first + 1
            if marks.isEmpty {
                guard count == 1 else { return nil }
                (ends, borders, times) = ([byteCount], [header.last], [header.time])
                return
            }
            // Each change has a length in them, of a byte or more.
            guard count <= marks.count else { return nil }
            ends.reserveCapacity(count)
            let isRead = marks.withUnsafeBytes { read($0, header, count, byteCount) }
            guard isRead, ends.count == count, ends.last == byteCount else { return nil }
        }

        private mutating func read(
            _ bytes: UnsafeRawBufferPointer, _ header: Header, _ count: Int, _ byteCount: Int
        ) -> Bool {
            var reader = CompactReader(bytes)
            var time = header.time
            // Where the next change begins.
            var start = 0
            while !reader.isAtEnd {
                guard let changes = reader.count(), changes >= 1, changes <= count - ends.count,
                    let later = reader.signed()
                else { return false }
                let sum = time.addingReportingOverflow(later)
                guard !sum.overflow else { return false }
                time = sum.partialValue
                for _ in 0..<changes {
                    guard let length = reader.count(), length >= 1, length <= byteCount - start
                    else { return false }
                    ends.append(start + length)
                    start += length + 1
                }
                borders.append(header.first + ends.count - 1)
                times.append(time)
            }
            return true
        }
    }
}
