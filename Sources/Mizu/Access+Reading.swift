// How `authorize` reads records: the same `Snapshot` that handlers have, of any scope.

import MizuSync
import MizuSyncService

extension Access {
    /// Returns what `look` makes of a scope's records: of any scope, the framework's own too
    /// (`mizu:…`). Whatever one decision reads, it reads in one state of the store.
    ///
    /// The decision is remembered for this user, scope and action until one of the scopes that it
    /// looked at is written to, so that the usual request reads nothing. So look at scopes that are
    /// seldom written to.
    /// - Parameter look: runs on a reader's thread. On a worker it is not called: the error says
    ///   that the store is to be asked, and `authorize` is then called again on a reader's thread.
    /// - Throws: what `look` throws; `AccessError`, which is to be let through.
    public func read<Value>(
        _ scope: Name = .defaultScope, _ look: (borrowing Snapshot) throws -> Value
    ) throws -> Value {
        try self.look.read(scope) { reader, check in
            try look(Snapshot(reader: reader, scope: scope, check: check))
        }
    }
}
