// The synchronised state: which mutations there are, and who may read and write what.

import Mizu

/// Opens the database and mounts `/_sync/*` and `/ws`.
func mountSync(on app: App) throws -> Sync {
    // As shipped everybody may use every scope, and the start says so. Pass `authorize:` to change
    // that: it is asked on every push, pull, snapshot and subscribe.
    try app.sync(TodoMutator())
}
