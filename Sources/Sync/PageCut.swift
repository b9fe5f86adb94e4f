// Where a page of changes ends (protocol.md, "POST /_sync/pull"): at `limit` changes or 1 MiB,
// but always where a mutation ends, and never before the first one. One rule for the tail and for
// the store, so that it cannot matter which of them answers.

import MizuBytes

/// Counts mutations into a page until it is full.
struct PageCut {
    private let changesMax: Int
    private let bytesMax: Int
    private(set) var changeCount = 0
    private(set) var byteCount = 0

    /// Bytes left for what stands around the changes.
    private static let envelopeBytes = 512

    init(changesMax: Int, bytesMax: Int) {
        self.changesMax = changesMax
        self.bytesMax = max(0, bytesMax - Self.envelopeBytes)
    }

    /// Takes several mutations if `take` would take each of them. If not, nothing is taken.
    mutating func takeWhole(changes: Int, bytes: Int) -> Bool {
        guard changeCount + changes <= changesMax, byteCount + bytes + 1 <= bytesMax else {
            return false
        }
        changeCount += changes
        byteCount += bytes + 1
        return true
    }

    /// Takes the next mutation's changes into the page, or says that the page ends before them.
    mutating func take(changes: Int, bytes: Int) -> Bool {
        if changeCount > 0 {
            guard changeCount < changesMax, byteCount + bytes + 1 <= bytesMax else { return false }
        }
        changeCount += changes
        byteCount += bytes + 1
        return true
    }
}

extension ByteBuffer {
    /// Appends a name as a JSON string.
    mutating func append(name: Name) {
        name.withUnsafeBytes { appendJSON(string: $0) }
    }
}
