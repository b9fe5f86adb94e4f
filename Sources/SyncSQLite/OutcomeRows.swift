// Outcomes as bytes. A block is a row of the database, made to fill one page of it: the epochs that
// its outcomes name, and then outcomes in the order of their keys' hashes:
//
//   how many epochs, each a string;  then, to the end:
//   hash (8 bytes), number of the epoch from 1 (0: refused), length of the body, body
//   body: review, scope, mutation, fingerprint (16 bytes), user, client, sequence,
//         and then cursor (applied) or code and message (refused)
//
// Numbers and strings are those of CompactBytes.swift. A body says nothing of its place, so it
// moves from block to block as it is. Knows no SQL; everything it reads is checked.

import MizuBytes
import MizuSync

struct OutcomeKey: Hashable {
    let scope: Name
    let mutation: Name

    /// Salted, so that nobody can choose mutations that meet in one place. O(bytes).
    func hash(salt: UInt64) -> UInt64 {
        let seed = scope.withUnsafeBytes { XXHash64.hash($0, seed: salt) }
        return mutation.withUnsafeBytes { XXHash64.hash($0, seed: seed) }
    }
}

/// A block that was read.
struct OutcomeBlock {
    struct Row {
        let hash: UInt64
        /// In the block's epochs; nil where the mutation was refused.
        let epoch: Int?
        let body: ByteSlice
    }

    private(set) var epochs: [ByteSlice] = []
    private(set) var rows: [Row] = []

    /// Nil where the bytes are no block.
    init?(_ bytes: ByteSlice) {
        guard bytes.withUnsafeBytes({ read($0, bytes) }) else { return nil }
    }

    private mutating func read(_ raw: UnsafeRawBufferPointer, _ bytes: ByteSlice) -> Bool {
        var reader = CompactReader(raw)
        guard let epochCount = reader.count(), epochCount <= raw.count else { return false }
        for _ in 0..<epochCount {
            guard let count = reader.count(), let range = reader.range(count) else { return false }
            epochs.append(bytes[range])
        }
        while !reader.isAtEnd {
            guard let hash = reader.word(), let epoch = reader.count(), epoch <= epochs.count,
                let count = reader.count(), let range = reader.range(count)
            else { return false }
            rows.append(
                Row(hash: hash, epoch: epoch == 0 ? nil : epoch - 1, body: bytes[range]))
        }
        return true
    }

    /// What the row says; nil where it is damaged.
    func outcome(_ row: Row) -> (key: OutcomeKey, outcome: StoredOutcome)? {
        row.body.withUnsafeBytes { bytes in
            var reader = CompactReader(bytes)
            guard let review = reader.signed(), let scope = reader.name() ?? nil,
                let mutation = reader.name() ?? nil,
                let high = reader.word(), let low = reader.word(),
                let user = reader.name(), let client = reader.name(),
                let sequence = reader.count(), let verdict = verdict(row, &reader)
            else { return nil }
            return (
                OutcomeKey(scope: scope, mutation: mutation),
                StoredOutcome(
                    verdict: verdict, fingerprint: Fingerprint(high: high, low: low),
                    user: user, client: client, clientSequence: sequence,
                    reviewMilliseconds: review)
            )
        }
    }

    private func verdict(
        _ row: Row, _ reader: inout CompactReader
    ) -> StoredOutcome.Verdict? {
        guard let epoch = row.epoch else {
            guard let code = reader.string(), let message = reader.string() else { return nil }
            return .refused(
                Rejection(
                    code: String(decoding: code, as: UTF8.self),
                    message: String(decoding: message, as: UTF8.self)))
        }
        guard let cursor = reader.count(), let name = Name(epochs[epoch]) else { return nil }
        return .applied(Position(cursor: cursor, epoch: name))
    }

    /// When the row is looked at next, without the rest of it.
    func review(_ row: Row) -> Int64? {
        row.body.withUnsafeBytes { bytes in
            var reader = CompactReader(bytes)
            return reader.signed()
        }
    }

    /// Whether the row is the outcome of this mutation. Makes no names.
    func has(_ row: Row, _ key: OutcomeKey) -> Bool {
        row.body.withUnsafeBytes { bytes in
            var reader = CompactReader(bytes)
            guard reader.signed() != nil, let scope = reader.string(),
                let mutation = reader.string()
            else { return false }
            return key.scope.withUnsafeBytes { $0.elementsEqual(scope) }
                && key.mutation.withUnsafeBytes { $0.elementsEqual(mutation) }
        }
    }
}

extension CompactReader {
    /// An empty string is nobody's name: `.some(nil)`. Nil for what is no name.
    fileprivate mutating func name() -> Name?? {
        guard let bytes = string() else { return nil }
        if bytes.isEmpty { return .some(nil) }
        guard let name = Name(bytes) else { return nil }
        return .some(name)
    }
}

/// Outcomes that are to become a run.
struct OutcomeGathering: ~Copyable {
    private struct Entry {
        let hash: UInt64
        /// From 1; 0 where the mutation was refused.
        let epoch: Int
        let start: Int
        let end: Int
    }

    private var entries: [Entry] = []
    private var bodies: ByteBuffer
    private var epochs: [[UInt8]] = []
    private(set) var reviewMin = Int64.max

    /// What a block may be, so that it and its row's head fit a page of 4,096 bytes.
    private static let blockBytesMax = 4040

    init(count: Int) {
        bodies = ByteBuffer(capacity: count * 128)
        entries.reserveCapacity(count)
    }

    var count: Int { entries.count }
    var hashes: [UInt64] { entries.map(\.hash) }

    mutating func add(_ outcome: StoredOutcome, of key: OutcomeKey, hash: UInt64) {
        let start = bodies.count
        bodies.append(signed: outcome.reviewMilliseconds)
        bodies.append(string: key.scope.bytes)
        bodies.append(string: key.mutation.bytes)
        bodies.append(word: outcome.fingerprint.high)
        bodies.append(word: outcome.fingerprint.low)
        bodies.append(string: outcome.user?.bytes ?? [])
        bodies.append(string: outcome.client?.bytes ?? [])
        bodies.append(count: max(0, outcome.clientSequence))
        var epoch = 0
        switch outcome.verdict {
        case .applied(let position):
            bodies.append(count: max(0, position.cursor))
            epoch = number(of: position.epoch.bytes)
        case .refused(let rejection):
            bodies.append(string: Array(rejection.code.utf8))
            bodies.append(string: Array(rejection.message.utf8))
        }
        reviewMin = min(reviewMin, outcome.reviewMilliseconds)
        entries.append(Entry(hash: hash, epoch: epoch, start: start, end: bodies.count))
    }

    /// Takes over the rows of a block as they are.
    mutating func add(_ block: OutcomeBlock, where isKept: (OutcomeBlock.Row) -> Bool) {
        let numbers = block.epochs.map { number(of: $0.array) }
        for row in block.rows where isKept(row) {
            let start = bodies.count
            bodies.append(row.body)
            reviewMin = min(reviewMin, block.review(row) ?? .min)
            entries.append(
                Entry(
                    hash: row.hash, epoch: row.epoch.map { numbers[$0] } ?? 0, start: start,
                    end: bodies.count))
        }
    }

    /// Epochs are few: one for each start of the server.
    private mutating func number(of epoch: [UInt8]) -> Int {
        if let index = epochs.lastIndex(of: epoch) { return index + 1 }
        epochs.append(epoch)
        return epochs.count
    }

    /// Writes all, sorted and cut into blocks.
    /// - Parameter write: takes the first hash of a block, and the block.
    mutating func cut(
        _ write: (UInt64, ByteSlice) throws(StoreError) -> Void
    ) throws(StoreError) {
        entries.sort { $0.hash < $1.hash }
        var start = 0
        while start < entries.count {
            var named: [Int] = []
            var size = 1
            var end = start
            while end < entries.count {
                let entry = entries[end]
                var added = 8 + 2 + 2 + (entry.end - entry.start)
                if entry.epoch > 0, !named.contains(entry.epoch) {
                    added += 2 + epochs[entry.epoch - 1].count
                }
                guard end == start || size + added <= Self.blockBytesMax else { break }
                if entry.epoch > 0, !named.contains(entry.epoch) { named.append(entry.epoch) }
                size += added
                end += 1
            }
            try write(entries[start].hash, block(start..<end, named, size))
            start = end
        }
    }

    private func block(_ range: Range<Int>, _ named: [Int], _ size: Int) -> ByteSlice {
        var block = ByteBuffer(capacity: size)
        block.append(count: named.count)
        for epoch in named { block.append(string: epochs[epoch - 1]) }
        for entry in entries[range] {
            block.append(word: entry.hash)
            block.append(count: named.firstIndex(of: entry.epoch).map { $0 + 1 } ?? 0)
            block.append(count: entry.end - entry.start)
            block.append(UnsafeRawBufferPointer(rebasing: bodies.readable[entry.start..<entry.end]))
        }
        return block.finish()
    }
}
