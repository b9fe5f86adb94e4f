// The epoch that the writer writes in, as readers on other threads see it: it is what stands at
// cursor 0 of a scope that nobody has written to. It changes only where another program has written
// to the database (`SQLiteStore.begin`).

import MizuSync
import Synchronization

/// Thread-safe.
final class CurrentEpoch: Sendable {
    private let name: Mutex<Name>

    init(_ name: Name) { self.name = Mutex(name) }

    var value: Name { name.withLock { $0 } }

    func change(to fresh: Name) { name.withLock { $0 = fresh } }
}
