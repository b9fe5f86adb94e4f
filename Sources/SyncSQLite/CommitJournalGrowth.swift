// A file of the commit journal that is to be made: larger than the one whose place it takes. To
// write megabytes of zeros and wait for the disk is no work for the committer; so this is a value
// that goes to another thread and comes back.

import CSQLite
import MizuBytes
import MizuSync

/// A journal file to be.
public struct JournalGrowth: Sendable {
    let path: String
    let identity: UInt64
    public let byteCount: Int

    /// Writes the file under a name of its own, durably. Any thread; one at a time for a journal.
    /// - Throws: `.unavailable`: the disk is full or nearly so, or fails. Nothing is left then.
    public func write() throws(StoreError) {
        let header = JournalHeader(identity: identity, fileByteCount: UInt64(byteCount))
        try JournalSegment.write(header, to: path + JournalSegment.newSuffix)
    }

    /// Whether the disk has so much room that a larger journal harms nobody.
    public var isAffordable: Bool {
        var (free, total) = (Int64(0), Int64(0))
        // Of the folder: the file itself may not be there yet.
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        let folder = String(path[..<end]) + "/"
        guard csqlite_disk_space(folder, &free, &total) == 0 else { return false }
        return free / 8 >= Int64(byteCount)
    }
}
