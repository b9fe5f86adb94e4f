// Whether the files that are open still have their names. Who deletes, moves or replaces a database
// that is being served takes nothing from the process: it goes on writing into files that nobody
// will find again. So names are compared with what is open before a transaction (NameWatch says
// when), and nothing is acknowledged that would be lost.

import CSQLite

/// The database, its WAL and its index, as they were when it was opened.
struct DatabaseFiles {
    private let path: String
    private let database: csqlite_identity
    private let descriptor: Int32
    private var besides: [(name: String, identity: csqlite_identity)] = []

    /// - Parameters:
    ///   - path: absolute; in WAL mode and written to, so that the files beside it are there.
    ///   - descriptor: of the database, open for as long as this is asked.
    init(_ path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
        var identity = csqlite_identity()
        _ = csqlite_identify_descriptor(descriptor, &identity)
        database = identity
        for suffix in ["-wal", "-shm"] where csqlite_identify(path + suffix, &identity) == 0 {
            besides.append((path + suffix, identity))
        }
    }

    /// Why nothing may be written now, in one line for people; nil where every name is right. What
    /// was moved away and comes back is right again.
    var obstacle: String? {
        guard isThere(path, database) else {
            var open = csqlite_identity()
            if csqlite_identify_descriptor(descriptor, &open) == 0, open.links == 0 {
                return "\(path) has been deleted: nothing is written until the server is "
                    + "restarted, with the file or a backup of it in its place"
            }
            return "\(path) has been moved away or replaced: nothing is written until that file is "
                + "back, or the server is restarted"
        }
        for (name, identity) in besides where !isThere(name, identity) {
            return "\(name) has been deleted or replaced: nothing is written until the server is "
                + "restarted"
        }
        return nil
    }

    /// What a file is known by, whatever its name: a copy has another one. Nil where there is none.
    static func inode(of path: String) -> UInt64? {
        var identity = csqlite_identity()
        return csqlite_identify(path, &identity) == 0 ? identity.inode : nil
    }

    private func isThere(_ name: String, _ identity: csqlite_identity) -> Bool {
        var found = csqlite_identity()
        return csqlite_identify(name, &found) == 0 && found.device == identity.device
            && found.inode == identity.inode
    }
}
