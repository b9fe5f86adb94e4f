// Says when the names of the database's files are to be compared with what is open: six calls of
// the kernel, which a commit does not make while the folder has had no deletion and no move.
// The kernel tells of those before the call returns that makes them (inotify(7)), so whoever has
// deleted a file and pushes afterwards finds that noticed. What a folder is not told of (a folder
// above it that moves, a mount over it, a change on another machine) is found once a second.
// Where no watch can be had, names are compared each time.
//
//   unsure ──compared, all right──► sure ──the folder has news, or a second is over──► unsure
//
// Confined to the committer's thread.

import CSQLite
import MizuEventLoop

struct NameWatch: ~Copyable {
    private static let sureMilliseconds: UInt64 = 1_000

    /// Negative where there is none.
    private let descriptor: Int32
    private var sureUntil: Instant?

    init(folderOf path: String) { descriptor = csqlite_watch_folder(path) }

    deinit { if descriptor >= 0 { csqlite_close_watch(descriptor) } }

    /// Why nothing may be written; nil where every name is right, as far as that is to be known.
    mutating func obstacle(at now: Instant, _ compare: () -> String?) -> String? {
        if descriptor >= 0 {
            if csqlite_watch_has_news(descriptor) != 0 { sureUntil = nil }
            if let sureUntil, now < sureUntil { return nil }
        }
        // News that comes from here on is there for the next time.
        let obstacle = compare()
        sureUntil = obstacle == nil ? now.adding(milliseconds: Self.sureMilliseconds) : nil
        return obstacle
    }
}
