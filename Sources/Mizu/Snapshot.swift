// The records of a scope as one read of a handler sees them, all at one cursor, and the page of
// them that an answer shows. Reading stops if nobody waits for the answer any more, or if it takes
// too long. Confined to the reader's thread.

import MizuBytes
import MizuHTTP
import MizuSync
import MizuSyncService

/// The state of a scope as one read sees it, at one cursor. Valid during the call that it is lent
/// to, on that thread. Every method throws `SnapshotError.over` if the client has left or the read
/// has run for 10 s.
public struct Snapshot: ~Copyable {
    let reader: any SyncReader
    let scope: Name
    let check: ReadCheck

    /// Bytes of JSON that `records` returns at most; beyond it it throws.
    public static let recordsBytesMax = 64 << 20
    /// Bytes of JSON in one page of `page`; it ends early there, with `next`.
    public static let pageBytesMax = 1 << 20
    /// Records of one page.
    public static let pageRecordsMax = 1_000
    /// Records that one call of `page` looks at, whatever its filter lets through.
    public static let lookedAtMax = 1_000

    /// Records between two looks at the clock.
    private static let checkEvery = 64

    /// Returns where the scope's log ends: the state that all of this read sees.
    /// - Throws: `StoreError` if the store cannot be read.
    public func position() throws -> Position { try reader.scopeState(scope).head }

    // MARK: One page

    /// Returns a page of an entity's records, in the order of their ids. If ids are made by
    /// `Intent.orderedID`, that is the order in which the records were made.
    /// - Parameters:
    ///   - entity: the kind of record, as `note`.
    ///   - after: the `next` of the page before; nil for the first page.
    ///   - limit: the most records, 1 to 1000. A page also ends at 1 MiB of JSON.
    ///   - filter: whether a record belongs to the page; called for each in turn. A page looks at
    ///     1000 records at most, so a filter that lets few through can make a short page, even an
    ///     empty one, with a `next`.
    /// - Throws: what `filter` throws; `HTTPError` 400 if `after` is not an id.
    public func page(
        of entity: Name, after: String? = nil, limit: Int = 100,
        where filter: (JSONValue) throws -> Bool = { _ in true }
    ) throws -> RecordPage<JSONValue> {
        var start: Name?
        if let after {
            start = Name(after)
            guard start != nil else {
                throw HTTPError(
                    .badRequest, code: "invalid_request", message: "after: not the id of a record")
            }
        }
        let limit = min(max(1, limit), Self.pageRecordsMax)
        var (page, lookedAt, bytes) = (RecordPage<JSONValue>(), 0, 0)
        var last: Name?
        try visit(entity, after: start) { id, json in
            let record = JSONValue(validated: json)
            if lookedAt == Self.lookedAtMax {
                page.next = last?.string
                return .stop
            }
            lookedAt += 1
            if try filter(record) {
                let isFull = page.records.count == limit || bytes + json.count > Self.pageBytesMax
                if isFull, !page.records.isEmpty {
                    page.next = last?.string
                    return .stop
                }
                page.records.append(record)
                bytes += json.count
            }
            last = id
            return .next
        }
        return page
    }

    /// Returns a page of an entity's records, decoded; see the other `page`.
    /// - Throws: also what decoding throws.
    public func page<T: Decodable>(
        of entity: Name, as type: T.Type, after: String? = nil, limit: Int = 100,
        where filter: (T) throws -> Bool = { _ in true }
    ) throws -> RecordPage<T> {
        var decoded: [T] = []
        let page = try page(of: entity, after: after, limit: limit) { record in
            let value = try record.decode(type)
            guard try filter(value) else { return false }
            decoded.append(value)
            return true
        }
        // The record that did not fit any more was decoded, too.
        return RecordPage(records: Array(decoded.prefix(page.records.count)), next: page.next)
    }

    // MARK: All, and one

    /// Returns all records of an entity, in the order of their ids: for entities of which an app
    /// knows that they have few.
    /// - Throws: `SnapshotError.tooMuch` beyond 64 MiB of JSON (`page` has no such end).
    public func records(_ entity: Name) throws -> [JSONValue] {
        var records: [JSONValue] = []
        var bytes = 0
        try visit(entity, after: nil) { _, json in
            bytes += json.count
            guard bytes <= Self.recordsBytesMax else { throw SnapshotError.tooMuch(entity) }
            records.append(JSONValue(validated: json))
            return .next
        }
        return records
    }

    /// Returns all records of an entity, decoded; see the other `records`.
    /// - Throws: also what decoding throws.
    public func records<T: Decodable>(_ entity: Name, as type: T.Type) throws -> [T] {
        var records: [T] = []
        var bytes = 0
        try visit(entity, after: nil) { _, json in
            bytes += json.count
            guard bytes <= Self.recordsBytesMax else { throw SnapshotError.tooMuch(entity) }
            records.append(try JSONValue(validated: json).decode(type))
            return .next
        }
        return records
    }

    /// Returns one record; nil if there is none, or if `id` cannot be one.
    /// - Throws: `StoreError` if the store cannot be read.
    public func record(_ entity: Name, id: String) throws -> JSONValue? {
        guard let id = Name(id) else { return nil }
        return try reader.record(RecordKey(entity: entity, id: id), in: scope)
            .map(JSONValue.init(validated:))
    }

    // MARK: Rows

    /// Visits an entity's records after `after`, in the order of ids.
    func visit(
        _ entity: Name, after: Name?, _ visit: (Name, ByteSlice) throws -> Visit
    ) throws {
        if check.isOver { throw SnapshotError.over }
        var failure: (any Error)?
        var count = 1
        func step(_ id: Name, _ json: ByteSlice) -> Visit {
            do {
                if count % Self.checkEvery == 0, check.isOver { throw SnapshotError.over }
                count += 1
                return try visit(id, json)
            } catch {
                failure = error
                return .stop
            }
        }
        if let after {
            try reader.visitRecords(in: scope, after: RecordKey(entity: entity, id: after)) {
                key, record in
                key.entity == entity ? step(key.id, record.json) : .stop
            }
        } else {
            try reader.visitRecords(of: entity, in: scope) { id, json in step(id, json) }
        }
        if let failure { throw failure }
    }
}

/// A part of an entity's records.
public struct RecordPage<Record: Sendable>: Sendable {
    /// In the order of their ids.
    public var records: [Record]
    /// The `after` of the next page; nil: this is the last one.
    public var next: String?

    /// - Parameter next: the `after` of the next page; nil: this is the last one.
    public init(records: [Record] = [], next: String? = nil) {
        self.records = records
        self.next = next
    }
}

/// Why a read of a handler ended early.
public enum SnapshotError: Error, CustomStringConvertible {
    /// The client has left, or the read took too long.
    case over
    /// The entity's records are too many to return all at once.
    case tooMuch(Name)

    /// One line for the log.
    public var description: String {
        switch self {
        case .over: "the read took too long and was ended"
        case .tooMuch(let entity):
            "the records of \(entity) are over \(Snapshot.recordsBytesMax) bytes: read them by page"
        }
    }
}
