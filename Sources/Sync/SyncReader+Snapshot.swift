// Snapshots in pages (protocol.md, "POST /_sync/snapshot"). A page is read in one view of the
// store and holds nothing open afterwards; where the next one goes on is in the opaque `next`.

import MizuBytes

/// Where a snapshot goes on: behind a record, and the first page's position, because the pages
/// are of use only while the log reaches back to it.
public struct SnapshotPlace: Hashable, Sendable {
    public let first: Position
    public let after: RecordKey

    public init(first: Position, after: RecordKey) {
        self.first = first
        self.after = after
    }

    /// No name holds this byte.
    private static let separator: UInt8 = 0x1F

    /// The opaque text, in characters that need no escape anywhere.
    var text: [UInt8] {
        var plain = Array(String(first.cursor).utf8)
        for name in [first.epoch, after.entity, after.id] {
            plain.append(Self.separator)
            plain.append(contentsOf: name.bytes)
        }
        return Base64.encode(plain, alphabet: .url)
    }

    /// Reads what `text` wrote, nil for anything else.
    init?(text: ByteSlice) {
        guard text.count <= 1024,
            let plain = Base64.decode(text.array, alphabet: .url)
        else { return nil }
        let parts = plain.split(separator: Self.separator, omittingEmptySubsequences: false)
        guard parts.count == 4,
            let cursor = parts[0].withUnsafeBytes(ASCII.decimal), cursor <= Position.cursorMax,
            let epoch = parts[1].withUnsafeBytes({ Name($0) }),
            let entity = parts[2].withUnsafeBytes({ Name($0) }),
            let id = parts[3].withUnsafeBytes({ Name($0) })
        else { return nil }
        first = Position(cursor: cursor, epoch: epoch)
        after = RecordKey(entity: entity, id: id)
    }
}

extension SyncReader {
    /// One page of a snapshot: the body, or 410 where the first page is out of the log's reach.
    public func snapshot(
        _ request: SnapshotRequest, limits: SyncLimits
    ) throws(StoreError) -> Result<[ByteSlice], Refusal> {
        try read(request, limits: limits).answer
    }

    /// The same, and where the log ended in the view that the page is of.
    /// - Parameter position: a copy of the store that reaches it will do (`readCopy`).
    public func read(
        _ request: SnapshotRequest, limits: SyncLimits, reaching position: Position? = nil
    ) throws(StoreError) -> (answer: Result<[ByteSlice], Refusal>, head: ScopeHead) {
        let copied = readCopy(of: request.scope, reaching: position) {
            () throws(StoreError) -> (answer: Result<[ByteSlice], Refusal>, head: ScopeHead)? in
            let found = try viewedPage(request, limits: limits)
            // That somebody has to start over the store alone says.
            if case .failure = found.answer { return nil }
            return found
        }
        if let copied { return copied }
        try beginReading(of: request.scope)
        defer { endReading() }
        return try viewedPage(request, limits: limits)
    }

    /// The page, within a view.
    private func viewedPage(
        _ request: SnapshotRequest, limits: SyncLimits
    ) throws(StoreError) -> (answer: Result<[ByteSlice], Refusal>, head: ScopeHead) {
        let state = try scopeState(request.scope)
        let head = ScopeHead(state.head, checksum: state.checksum)
        if let first = request.next?.first,
            let refusal = try refusal(
                cursor: first.cursor, epoch: first.epoch, in: request.scope, state)
        {
            return (.failure(refusal), head)
        }
        var page = SnapshotPage(
            recordsMax: request.limit, bytesMax: max(0, limits.pageBytesMax - 2048))
        try visitRecordBytes(in: request.scope, after: request.next?.after) { page.take($0) }
        guard let body = page.finish(state, first: request.next?.first ?? state.head) else {
            throw StoreError(.statement, "a name of a record of \(request.scope) is damaged")
        }
        return (.success([body]), head)
    }
}

/// Gathers records until the page is full: from where they lie to where they leave, in one copy.
private struct SnapshotPage: ~Copyable {
    private let recordsMax: Int
    private let bytesMax: Int
    private var recordCount = 0
    /// Where the last record's names stand in the page.
    private var last: (entity: Range<Int>, id: Range<Int>)?
    private var end = End.ofScope
    private var buffer = ByteBuffer(capacity: 64 << 10)

    private enum End { case ofScope, ofPage, damage }

    init(recordsMax: Int, bytesMax: Int) {
        self.recordsMax = recordsMax
        self.bytesMax = bytesMax
        buffer.append("{\"records\":[" as StaticString)
    }

    mutating func take(_ record: RecordBytes) -> Visit {
        let size = record.json.count + 2 * (record.entity.count + record.id.count) + 70
        if recordCount > 0, recordCount >= recordsMax || buffer.count + size > bytesMax {
            end = .ofPage
            return .stop
        }
        buffer.reserve(size)
        buffer.append(recordCount > 0 ? ",{\"entity\":" : "{\"entity\":" as StaticString)
        guard let entity = buffer.append(nameBytes: record.entity) else { return damaged() }
        buffer.append(",\"id\":" as StaticString)
        guard let id = buffer.append(nameBytes: record.id) else { return damaged() }
        buffer.append(",\"version\":" as StaticString)
        buffer.append(decimal: record.version)
        buffer.append(",\"data\":" as StaticString)
        buffer.append(record.json)
        buffer.append(UInt8(ascii: "}"))
        recordCount += 1
        last = (entity, id)
        return .next
    }

    private mutating func damaged() -> Visit {
        end = .damage
        return .stop
    }

    /// - Parameter first: where the scope stood when the snapshot's first page was made.
    /// - Returns: nil where a name was damaged.
    consuming func finish(_ state: ScopeState, first: Position) -> ByteSlice? {
        if end == .damage { return nil }
        let next = end == .ofPage ? lastKey().map { SnapshotPlace(first: first, after: $0) } : nil
        buffer.append("],\"cursor\":" as StaticString)
        buffer.append(decimal: state.head.cursor)
        buffer.append(",\"epoch\":" as StaticString)
        buffer.append(name: state.head.epoch)
        buffer.append(",\"count\":" as StaticString)
        buffer.append(decimal: state.recordCount)
        buffer.append(checksum: state.checksum)
        if let next {
            buffer.append(",\"has_more\":true,\"next\":\"" as StaticString)
            buffer.append(next.text)
            buffer.append("\"}" as StaticString)
        } else {
            buffer.append(",\"has_more\":false}" as StaticString)
        }
        return buffer.finish()
    }

    private func lastKey() -> RecordKey? {
        guard let last, let entity = name(at: last.entity), let id = name(at: last.id) else {
            return nil
        }
        return RecordKey(entity: entity, id: id)
    }

    /// A name as it was before `append(nameBytes:)`.
    private func name(at range: Range<Int>) -> Name? {
        var (bytes, isEscaped) = ([UInt8](), false)
        for byte in buffer.readable[range] {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
            } else {
                bytes.append(byte)
                isEscaped = false
            }
        }
        return bytes.withUnsafeBytes { Name($0) }
    }
}

extension ByteBuffer {
    /// Appends a stored name as a JSON string.
    /// - Returns: where it stands between its quotes; nil where the bytes are no name.
    mutating func append(nameBytes bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        append(UInt8(ascii: "\""))
        let start = count
        if bytes.isPlainName {
            append(bytes)
            append(UInt8(ascii: "\""))
        } else {
            guard let name = Name(bytes) else { return nil }
            truncate(to: start - 1)
            append(name: name)
        }
        return start..<count - 1
    }
}

extension UnsafeRawBufferPointer {
    /// Whether this is a name of printable ASCII without quote and backslash: it stands in JSON as
    /// it is. Eight bytes at a time.
    fileprivate var isPlainName: Bool {
        guard count >= 1, count <= Name.bytesMax else { return false }
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var at = 0
        while at + 8 <= count {
            let word = loadUnaligned(fromByteOffset: at, as: UInt64.self)
            // A byte's high bit is set where it is one of these.
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let delete = word ^ (ones &* 0x7F)
            let found =
                word | (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones)
                | (delete &- ones)
            // It may also be set by the borrow of one that is, which changes nothing.
            guard found & highs == 0 else { return false }
            at += 8
        }
        while at < count {
            let byte = self[at]
            guard byte >= 0x20, byte < 0x7F, byte != 0x22, byte != 0x5C else { return false }
            at += 1
        }
        return true
    }
}
