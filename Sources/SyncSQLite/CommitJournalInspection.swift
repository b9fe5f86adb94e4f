// What a commit journal holds, for people: read without a lock and without a change, of a database
// that somebody else may be writing. For `mizu sync stats` and `verify`.

import MizuBytes
import MizuSync

/// A look at a journal's files.
public struct JournalInspection: Sendable {
    /// One of the two files, where it is there.
    public struct File: Sendable {
        public let path: String
        public let byteCount: Int
        /// How many commits in it can be read.
        public let commitCount: Int
    }
    public let files: [File]
    /// The newest commit that can be read, folded or not; 0 if there is none.
    public let lastSequence: UInt64
    /// How many commits wait to be folded.
    public let unfoldedCount: Int
    /// Bytes of their payloads.
    public let unfoldedByteCount: Int

    /// Reads both files. While their owner writes, ask for `foldedThrough` before and after, and
    /// look again if it has changed: what was folded in between may have been overwritten.
    /// - Parameters: as of `CommitJournal`.
    /// - Throws: one line for people: what is damaged, missing or of another database.
    public init(
        beside path: String, identity: UInt64, foldedThrough: UInt64
    ) throws(StoreError) {
        var opener = JournalOpener(
            path: path, identity: identity, foldedThrough: foldedThrough)
        let segments = try opener.inspect()
        let history = try opener.history()
        files = segments.enumerated().compactMap { file, segment in
            guard let segment else { return nil }
            return File(
                path: segment.path, byteCount: segment.byteCount,
                commitCount: opener.scans[file].found.filter { $0.kind == .record }.count)
        }
        lastSequence = history.last?.found.sequence ?? 0
        unfoldedCount = history.unfolded.count
        unfoldedByteCount = history.unfolded.reduce(0) { $0 + $1.found.payloadByteCount }
    }
}
