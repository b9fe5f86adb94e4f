// The lines of an import as batches of records, each small enough to be one mutation; and whether
// they are all that the first line has promised.

import MizuBytes
import MizuSync

/// Reads lines. Keeps 16 bytes for each record: the hash of its key.
struct ImportSource: ~Copyable {
    private static let batchRecordsMax = 500
    private static let batchBytesMax = 512 << 10

    private var lines: LineReader
    private let limits: SyncLimits
    private let seed = UInt64.random(in: .min ... .max)
    private var header: ExportHeader?
    private var checksum: ScopeChecksum? = .empty
    private(set) var recordCount = 0
    private var hashes: Set<UInt64> = []
    private var lastKey: RecordKey?

    init(_ lines: consuming LineReader, limits: SyncLimits) {
        self.lines = lines
        self.limits = limits
    }

    /// Where the batch that was read last ends, for people.
    var place: String { "line \(lines.number)" }

    /// The keys that were read.
    var keys: ImportedKeys { ImportedKeys(hashes: hashes, seed: seed) }

    /// The next records; nil behind the last one.
    mutating func nextBatch() throws(ToolFailure) -> [ImportLine]? {
        var batch: [ImportLine] = []
        var byteCount = 0
        while batch.count < Self.batchRecordsMax, byteCount < Self.batchBytesMax,
            let line = try lines.next()
        {
            let number = lines.number
            do throws(LineFlaw) {
                if recordCount == 0, header == nil, let found = try ExportHeader(line) {
                    header = found
                    continue
                }
                let record = try ImportLine(line, limits: limits)
                try take(record)
                batch.append(record)
                byteCount += line.count
            } catch {
                throw ToolFailure("line \(number): \(error.text)", hint: "nothing was imported")
            }
        }
        return batch.isEmpty ? nil : batch
    }

    private mutating func take(_ record: ImportLine) throws(LineFlaw) {
        guard hashes.insert(ImportedKeys.hash(record.key, seed)).inserted else {
            throw LineFlaw("\(record.key.entity) \(record.key.id) is there twice")
        }
        recordCount += 1
        if let version = record.version {
            checksum?.add(record.key, version: version)
        } else {
            checksum = nil
        }
    }

    /// Compares what was read with what the first line has promised.
    func finish() throws(ToolFailure) {
        guard let header else { return }
        if let promised = header.recordCount, promised != recordCount {
            throw ToolFailure(
                "the first line promises \(promised) records, and there are \(recordCount)",
                hint: "nothing was imported: is the file complete?")
        }
        if let promised = header.checksum, let checksum,
            promised != String(decoding: checksum.text, as: UTF8.self)
        {
            throw ToolFailure(
                "the records do not have the checksum that the first line promises",
                hint: "nothing was imported: without the first line they are taken as they are")
        }
    }
}

/// Which records an import has brought.
struct ImportedKeys {
    let hashes: Set<UInt64>
    let seed: UInt64

    func contains(_ key: RecordKey) -> Bool { hashes.contains(Self.hash(key, seed)) }

    static func hash(_ key: RecordKey, _ seed: UInt64) -> UInt64 {
        XXHash64.hash(key.id.bytes, seed: XXHash64.hash(key.entity.bytes, seed: seed))
    }
}
