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
    /// The last commit that the database has.
    let folded: UInt64
    /// Of new files, where the disk has room enough.
    let byteCount: Int
    /// What `open` found in each file.
    private(set) var scans = [JournalScan(), JournalScan()]

    init(
        path: String, identity: UInt64, foldedThrough folded: UInt64,
        presence: CommitJournal.Presence = .optional, byteCount: Int = CommitJournal.startByteCount
    ) {
        self.path = path
        self.identity = identity
        self.folded = folded
        self.presence = presence
        self.byteCount = byteCount
    }

    private var paths: [String] { JournalSegment.suffixes.map { path + $0 } }

    /// Both files, in order.
    mutating func open() throws(StoreError) -> [JournalSegment] {
        for path in paths {
            // What an end in the middle of growing has left.
            try JournalSegment.check(
                csqlite_remove(path + JournalSegment.newSuffix), "remove", path)
        }
        let found = try inspect()
        let segments = found.compactMap { $0 }
        // They are made one after the other, empty, and so nothing was committed before both were.
        if segments.count < paths.count {
            if presence == .required { throw missing(found[0] == nil ? 0 : 1) }
            scans = [JournalScan(), JournalScan()]
            return try make()
        }
        let isForeign = segments.contains { $0.header.identity != identity }
        return isForeign ? try make() : segments
    }

    /// The files that are there, read and changed in nothing.
    /// - Throws: one line for people, if what is there cannot be the whole journal.
    mutating func inspect() throws(StoreError) -> [JournalSegment?] {
        var found: [JournalSegment?] = []
        for path in paths { found.append(try JournalSegment.open(path)) }
        for (file, segment) in found.enumerated() {
            guard let segment else { continue }
            let bytes = ByteSlice(try segment.read())
            scans[file] = bytes.withUnsafeBytes {
                JournalScan($0, identity: segment.header.identity)
            }
        }
        guard scans.contains(where: { !$0.found.isEmpty }) else { return found }
        for (file, segment) in found.enumerated() {
            guard let segment else {
                // After a clean end they are removed, one after the other.
                if presence == .optional, scans.allSatisfy({ $0.isFolded(through: folded) }) {
                    continue
                }
                throw missing(file)
            }
            if segment.header.identity != identity { throw foreign }
        }
        return found
    }

    /// Two new files, as large as the disk allows within reason.
    private func make() throws(StoreError) -> [JournalSegment] {
        var byteCount = byteCount
        while true {
            do throws(StoreError) {
                return try make(of: byteCount)
            } catch {
                guard byteCount / 2 >= CommitJournal.byteCountMin else { throw error }
                byteCount /= 2
            }
        }
    }

    private func make(of byteCount: Int) throws(StoreError) -> [JournalSegment] {
        // Beside them the database and its WAL grow: a small disk is not for the journal.
        let isSmallest = byteCount / 2 < CommitJournal.byteCountMin
        let growths = paths.map {
            JournalGrowth(path: $0, identity: identity, byteCount: byteCount)
        }
        guard isSmallest || growths[0].isAffordable else {
            throw StoreError(.unavailable, "\(paths[0]) would fill the disk")
        }
        for growth in growths { try growth.write() }
        var opened: [JournalSegment] = []
        for path in paths {
            try JournalSegment.putInPlace(path)
            guard let segment = try JournalSegment.open(path) else {
                throw JournalSegment.damage(path, at: 0)
            }
            opened.append(segment)
        }
        return opened
    }

    /// What is to be replayed.
    func history() throws(StoreError) -> JournalHistory {
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
            "\(paths[file]) is missing, and commits that were acknowledged may be in it: put it "
                + "back, or put a backup in place of the database with: mizu sync restore")
    }

    private var foreign: StoreError {
        StoreError(
            .unavailable,
            "\(paths[0]) and the file beside it hold commits of another database than \(path): put "
                + "that one back, with its -wal, or a backup with: mizu sync restore")
    }
}
