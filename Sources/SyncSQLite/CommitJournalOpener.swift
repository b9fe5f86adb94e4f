// Opens the two files of a commit journal, or makes them, and says in one line for people why it
// does not: a file is missing, damaged, or of another database. Does not change a file that holds a
// commit.

import CSQLite
import Glibc
import MizuBytes
import MizuSync

/// The opening of one journal.
struct JournalOpener {
    let path: String
    let identity: UInt64
    let presence: CommitJournal.Presence
    /// What `open` found in each file.
    private(set) var scans = [JournalScan(), JournalScan()]

    init(path: String, identity: UInt64, presence: CommitJournal.Presence) {
        self.path = path
        self.identity = identity
        self.presence = presence
    }

    private var paths: [String] { JournalSegment.suffixes.map { path + $0 } }

    /// Both files, in order.
    mutating func open() throws(StoreError) -> [JournalSegment] {
        var segments: [JournalSegment?] = []
        for path in paths {
            // What an end in the middle of growing has left.
            try JournalSegment.check(
                csqlite_remove(path + JournalSegment.newSuffix), "remove", path)
            segments.append(try JournalSegment.open(path))
        }
        var isForeign = false
        for (file, segment) in segments.enumerated() {
            guard let segment else { continue }
            let bytes = ByteSlice(try segment.read())
            scans[file] = bytes.withUnsafeBytes {
                JournalScan($0, identity: segment.header.identity)
            }
            isForeign = isForeign || segment.header.identity != identity
        }
        // They are made one after the other, empty: until both are there nothing was committed.
        if scans.allSatisfy(\.found.isEmpty) {
            if presence == .required, segments.contains(where: { $0 == nil }) {
                throw missing(segments[0] == nil ? 0 : 1)
            }
            if isForeign || segments.contains(where: { $0 == nil }) { return try make() }
        }
        if isForeign { throw foreign }
        var opened: [JournalSegment] = []
        for (file, segment) in segments.enumerated() {
            guard let segment else { throw missing(file) }
            opened.append(segment)
        }
        return opened
    }

    /// Two new files, as large as the disk allows within reason.
    private func make() throws(StoreError) -> [JournalSegment] {
        var byteCount = CommitJournal.startByteCount
        var (free, total) = (Int64(0), Int64(0))
        if csqlite_disk_space(path, &free, &total) == 0 {
            // Two files beside a database that grows: not more than an eighth of what is free.
            while byteCount > CommitJournal.byteCountMin, Int64(byteCount) * 16 > free {
                byteCount /= 2
            }
        }
        var opened: [JournalSegment] = []
        for path in paths {
            let growth = JournalGrowth(path: path, identity: identity, byteCount: byteCount)
            try growth.write()
            try JournalSegment.putInPlace(path)
            guard let segment = try JournalSegment.open(path) else {
                throw JournalSegment.damage(path, at: 0)
            }
            opened.append(segment)
        }
        return opened
    }

    /// What is to be replayed.
    func history(
        of segments: [JournalSegment], foldedThrough folded: UInt64
    ) throws(StoreError) -> JournalHistory {
        do {
            return try JournalHistory(scans, foldedThrough: folded)
        } catch {
            switch error {
            case .damaged(let file, let offset, let sequence):
                throw JournalSegment.damage(paths[file], at: offset, commit: sequence)
            case .databaseIsOlder(let first):
                throw StoreError(
                    .unavailable,
                    "\(path) is older than its journal \(paths[0]): it holds the commits through "
                        + "\(folded), and the journal begins with \(first). If the database is a "
                        + "backup, put it there with: mizu sync restore")
            }
        }
    }

    private func missing(_ file: Int) -> StoreError {
        StoreError(
            .unavailable,
            "\(paths[file]) is missing, and commits that were acknowledged are in it: put it back, "
                + "or put a backup in place of the database with: mizu sync restore")
    }

    private var foreign: StoreError {
        StoreError(
            .unavailable,
            "\(paths[0]) and \(paths[1]) are the journal of another database than \(path), and hold "
                + "commits of it: put that database back, or a backup with: mizu sync restore")
    }
}
