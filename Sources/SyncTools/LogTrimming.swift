// Trimming logs now, by the limits that the caller gives: what a server does in small steps while
// it runs. Needs the database for itself, because a server keeps in memory where its logs begin.

import MizuSync
import MizuSyncSQLite

/// What was trimmed.
package struct TrimReport: Sendable {
    /// Absolute.
    package let path: String
    package let removedChanges: Int
    package let removedLogBytes: Int
    package let removedOutcomes: Int
    package let changeCount: Int
    package let logBytes: Int
}

package enum LogTrimming {
    /// Takes away what is beyond `limits`. Blocks.
    package static func run(
        _ path: String, limits: SyncLimits, progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> TrimReport {
        let file = try storing { () throws(StoreError) in try DatabaseHold.existing(path) }
        // The first opening takes in what a crash has left, so that it is counted.
        try DatabaseWriter.open(file, for: "trim it", limits: limits) { _, _ in }
        let before = try StoreStatistics.read(file, .largest(0))
        var limits = limits
        limits.trimRowsMax = 20_000
        try DatabaseWriter.open(file, for: "trim it", limits: limits) {
            (engine, _) throws(ToolFailure) in
            var steps = 0
            while try storing({ () throws(StoreError) in try engine.trim() }) != .done {
                steps += 1
                progress("trimming: \(steps) steps")
            }
        }
        let after = try StoreStatistics.read(file, .largest(0))
        return TrimReport(
            path: file, removedChanges: before.changeCount &- after.changeCount,
            removedLogBytes: before.logBytes &- after.logBytes,
            removedOutcomes: before.outcomeCount &- after.outcomeCount,
            changeCount: after.changeCount, logBytes: after.logBytes)
    }
}
