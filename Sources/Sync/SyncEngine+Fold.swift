// The store's folds, as whoever runs the engine's thread asks for them: when, is theirs to say.

extension SyncEngine {
    /// Whether anything waits to be folded, and how urgently.
    public var foldNeed: FoldNeed { store.foldNeed }
    /// How long the disk took for the last commit.
    public var lastSyncNanoseconds: UInt64 { store.lastSyncNanoseconds }

    /// Brings what is committed to where readers look. Committer's thread, between two batches.
    /// - Throws: where storage fails; nothing is lost, and it is to be tried again.
    public func fold(_ extent: FoldExtent) throws(StoreError) -> FoldProgress {
        try store.fold(extent)
    }

    /// Says whom to call, on any thread, when a reader waits for a whole fold.
    public func onFoldDemand(_ wake: @escaping @Sendable () -> Void) { store.onFoldDemand(wake) }
}
