// Giving the space of removed rows back to the disk: SQLite's VACUUM, and a checkpoint. Needs the
// database for itself, and for a while as much space again.

import CSQLite
import MizuSync
import MizuSyncSQLite

/// What compacting has brought.
package struct CompactReport: Sendable {
    /// Absolute.
    package let path: String
    package let bytesBefore: Int
    package let bytesAfter: Int
}

package enum Compaction {
    /// Blocks; O(file).
    package static func run(_ path: String) throws(ToolFailure) -> CompactReport {
        let file = try storing { () throws(StoreError) in try DatabaseHold.existing(path) }
        try DatabaseWriter.open(file, for: "compact it", limits: SyncLimits()) { _, _ in }
        let before = Int(csqlite_file_size(file))
        try storing(hint: "it needs as much space again as the database takes") {
            () throws(StoreError) in
            let hold = try DatabaseHold.demand(file, for: "compact it")
            try withExtendedLifetime(hold) { () throws(StoreError) in
                try DatabaseCopy.vacuum(file)
            }
        }
        return CompactReport(
            path: file, bytesBefore: before, bytesAfter: Int(csqlite_file_size(file)))
    }
}
