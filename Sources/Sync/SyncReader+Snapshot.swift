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
        try beginReading(of: request.scope)
        defer { endReading() }
        let state = try scopeState(request.scope)
        if let first = request.next?.first,
            let refusal = try refusal(
                cursor: first.cursor, epoch: first.epoch, in: request.scope, state)
        {
            return .failure(refusal)
        }
        var page = SnapshotPage(
            recordsMax: request.limit, bytesMax: max(0, limits.pageBytesMax - 2048))
        try visitRecords(in: request.scope, after: request.next?.after) { page.take($0, $1) }
        let next = page.next.map {
            SnapshotPlace(first: request.next?.first ?? state.head, after: $0)
        }
        return .success([page.finish(state, next: next)])
    }
}

/// Gathers records until the page is full.
private struct SnapshotPage: ~Copyable {
    private let recordsMax: Int
    private let bytesMax: Int
    private var recordCount = 0
    private var last: RecordKey?
    private var isCut = false
    private var buffer = ByteBuffer(capacity: 4096)

    init(recordsMax: Int, bytesMax: Int) {
        self.recordsMax = recordsMax
        self.bytesMax = bytesMax
        buffer.append("{\"records\":[" as StaticString)
    }

    /// The record behind which the next page begins; nil if this is the last page.
    var next: RecordKey? { isCut ? last : nil }

    mutating func take(_ key: RecordKey, _ record: StoredRecord) -> Visit {
        let names = key.entity.bytes.count + key.id.bytes.count
        let size = record.json.count + 2 * names + 70
        if recordCount > 0, recordCount >= recordsMax || buffer.count + size > bytesMax {
            isCut = true
            return .stop
        }
        buffer.append(recordCount > 0 ? ",{\"entity\":" : "{\"entity\":" as StaticString)
        buffer.append(name: key.entity)
        buffer.append(",\"id\":" as StaticString)
        buffer.append(name: key.id)
        buffer.append(",\"version\":" as StaticString)
        buffer.append(decimal: record.version)
        buffer.append(",\"data\":" as StaticString)
        buffer.append(record.json)
        buffer.append(UInt8(ascii: "}"))
        recordCount += 1
        last = key
        return .next
    }

    consuming func finish(_ state: ScopeState, next: SnapshotPlace?) -> ByteSlice {
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
}
