// The bytes of a journal file, as pure values: what it begins with, and the frame of a record and
// of a mark (engine.md, "The commit journal"). Numbers are little-endian. Nothing here opens a
// file, and nothing that was read is believed before its checksum fits.
//
//   0      magic "MizuCmt1", version, identity, size of the file, CRC-32C     zeros up to 4,096
//   4,096  record · record · … · mark       each at a multiple of 8; behind it an earlier round
//
//   frame  0  kind        "MzRc" (a record) or "MzMk" (a mark)
//          4  byte count of the payload     0 in a mark
//          8  identity of the journal       random, never told to a client: no payload can forge it
//         16  sequence number               in a mark: everything through it was acknowledged
//         24  CRC-32C of the payload
//         28  CRC-32C of the 28 bytes before

import CSQLite
import Glibc

/// What is known of a file before its records: whose it is, and how long it must be.
struct JournalHeader: Equatable {
    var identity: UInt64
    var fileByteCount: UInt64

    static let byteCount = 40
    /// Where the first record begins: the header's page is not written again.
    static let recordsOffset = 4_096
    /// A file is a whole number of pages, and never larger than one record can make it.
    static let fileBytesMax: UInt64 = 1 << 30

    private static let magic: UInt64 = 0x3174_6D43_757A_694D  // "MizuCmt1"
    private static let version: UInt32 = 1

    init(identity: UInt64, fileByteCount: UInt64) {
        self.identity = identity
        self.fileByteCount = fileByteCount
    }

    /// Nil where the bytes are no header of this version.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount, bytes.number(at: 0) == Self.magic,
            bytes.number(at: 8) as UInt32 == Self.version,
            bytes.number(at: 36) == JournalChecksum.of(bytes, 0..<36)
        else { return nil }
        identity = bytes.number(at: 16)
        fileByteCount = bytes.number(at: 24)
        guard fileByteCount % UInt64(Self.recordsOffset) == 0, fileByteCount > 0,
            fileByteCount <= Self.fileBytesMax
        else { return nil }
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        bytes.withUnsafeMutableBytes { bytes in
            bytes.put(Self.magic, at: 0)
            bytes.put(Self.version, at: 8)
            bytes.put(UInt32(Self.recordsOffset), at: 12)
            bytes.put(identity, at: 16)
            bytes.put(fileByteCount, at: 24)
            bytes.put(JournalChecksum.of(UnsafeRawBufferPointer(bytes), 0..<36), at: 36)
        }
        return bytes
    }
}

/// What stands before a payload, or alone as a mark.
struct JournalFrame: Equatable {
    enum Kind: UInt32 {
        case record = 0x6352_7A4D
        case mark = 0x6B4D_7A4D
    }
    var kind: Kind
    var identity: UInt64
    var sequence: UInt64
    var payloadByteCount = 0
    var payloadChecksum: UInt32 = 0

    static let byteCount = 32
    /// Beyond it nothing is taken for a record, and no record is written.
    static let payloadBytesMax = 256 << 20

    /// All that a record with `payloadByteCount` takes, up to the next one.
    static func byteCount(payload payloadByteCount: Int) -> Int {
        (byteCount + payloadByteCount + 7) & ~7
    }

    var totalByteCount: Int { Self.byteCount(payload: payloadByteCount) }

    init(_ kind: Kind, identity: UInt64, sequence: UInt64) {
        self.kind = kind
        self.identity = identity
        self.sequence = sequence
    }

    /// The frame at `offset`; nil where there is none of `identity`. The payload is not looked at,
    /// and may end behind `bytes`.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int, identity: UInt64) {
        guard offset >= 0, bytes.count >= Self.byteCount, offset <= bytes.count - Self.byteCount,
            let kind = Kind(rawValue: bytes.number(at: offset)),
            bytes.number(at: offset + 8) == identity,
            bytes.number(at: offset + 28) == JournalChecksum.of(bytes, offset..<offset + 28)
        else { return nil }
        let count = bytes.number(at: offset + 4) as UInt32
        guard count <= Self.payloadBytesMax else { return nil }
        self.init(kind, identity: identity, sequence: bytes.number(at: offset + 16))
        payloadByteCount = Int(count)
        payloadChecksum = bytes.number(at: offset + 24)
    }

    /// The next place from `offset` on at which a frame may begin; `bytes.count` if there is none.
    static func candidate(in bytes: UnsafeRawBufferPointer, from offset: Int) -> Int {
        let end = bytes.count - byteCount + 1
        guard offset >= 0, offset < end, let base = bytes.baseAddress else { return bytes.count }
        let found = csqlite_find_word(
            base, offset, end, Kind.record.rawValue, Kind.mark.rawValue)
        return found < end ? Int(clamping: found) : bytes.count
    }

    /// Whether the payload of the frame at `offset` is there and is what was written.
    func hasPayload(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        let start = offset + Self.byteCount
        guard payloadByteCount <= bytes.count - start else { return false }
        return JournalChecksum.of(bytes, start..<start + payloadByteCount) == payloadChecksum
    }

    /// Writes the frame to `bytes`, which has room for it.
    func write(to bytes: UnsafeMutableRawBufferPointer) {
        bytes.put(kind.rawValue, at: 0)
        bytes.put(UInt32(payloadByteCount), at: 4)
        bytes.put(identity, at: 8)
        bytes.put(sequence, at: 16)
        bytes.put(payloadChecksum, at: 24)
        bytes.put(JournalChecksum.of(UnsafeRawBufferPointer(bytes), 0..<28), at: 28)
    }
}

/// CRC-32C: it finds every single flipped bit and every burst of up to 32 bits.
enum JournalChecksum {
    static func of(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt32 {
        csqlite_crc32c(
            0, bytes.baseAddress.map { $0 + range.lowerBound }, range.count)
    }

    static func of(_ slices: some Sequence<iovec>) -> UInt32 {
        slices.reduce(0) { csqlite_crc32c($0, $1.iov_base, $1.iov_len) }
    }
}

extension UnsafeRawBufferPointer {
    /// The caller has seen that there are enough bytes.
    fileprivate func number<Number: FixedWidthInteger>(at offset: Int) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func put(_ number: some FixedWidthInteger, at offset: Int) {
        storeBytes(of: number.littleEndian, toByteOffset: offset, as: type(of: number))
    }
}
