// The committers of a process: one, where it is alone with its store, else several that write to
// different scopes beside each other. A scope is always the same one's, by a hash of its name that
// is the same in every process; a mutation that crosses to another scope stays with its own, and
// the store's lock of that scope keeps both in order.

import MizuSync

/// What a service needs where other processes write to its store, too.
package struct Sharing: Sendable {
    /// Tells the others, and brings what they tell; nil: polls do.
    package var carrier: StoreCarrier?
    package var times = StoreNewsTimes()
    /// What the store is called, for people, without a password.
    package var place = ""
    /// Which primary of the store is the latest, as far as this node knows; and who takes in what
    /// others know of it.
    package var term: (@Sendable () -> PrimaryTerm?)?
    package var heard: (@Sendable (PrimaryTerm) -> Void)?
    /// What the node says of its store, among its figures.
    package var figures: (@Sendable () -> [String: Int])?
    /// Committers, of which each has a store of its own; 1 where `another` is nil.
    package var committers = 1
    /// Opens the store of a committer beside the first. Called on the thread that starts.
    package var another: (@Sendable (Int) throws(StoreError) -> sending any SyncStore)?

    package init() {}
}

struct Committers: Sendable {
    /// At least one. The first one trims.
    let all: [Committer]

    init(_ all: [Committer]) {
        precondition(!all.isEmpty, "somebody has to write")
        self.all = all
    }

    /// The one to which the scope belongs.
    func of(_ scope: Name) -> Committer {
        all.count == 1 ? all[0] : all[Self.place(of: scope, among: all.count)]
    }

    /// FNV-1a, over as many places as there are.
    static func place(of scope: Name, among count: Int) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        scope.withUnsafeBytes { bytes in
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) % UInt64(count))
    }

    /// Why nothing can be written to some scope; nil where it can to all.
    var obstacle: WriteObstacle? {
        for committer in all {
            if let obstacle = committer.health.obstacle { return obstacle }
        }
        return nil
    }

    /// Commits what waits and ends the threads; returns when the stores are closed.
    func stop() { for committer in all { committer.stop() } }
}
