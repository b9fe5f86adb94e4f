// What rooms above need where other processes write to the store, too: to know how far a scope of
// the framework's has gone before they answer from what they remember of it, and to be told when it
// has moved. Any thread.

import MizuSync

extension SyncService {
    /// Whether other processes write to the store, too.
    public var isShared: Bool { index != nil }

    /// Asks the store where a scope ends now.
    /// - Parameter answer: gets it, or nil where the store cannot say or the process is alone with
    ///   it; on the index's thread, or at once. It must not wait.
    public func learnEnd(of scope: Name, _ answer: @escaping @Sendable (Position?) -> Void) {
        guard let index else { return answer(nil) }
        index.ask([scope]) { answer($0?.first?.position) }
    }

    /// Calls `hear` with a scope of the framework's when another process may have changed it. It
    /// runs on a thread of its own and must not wait. Never called where the process is alone.
    public func onChangeElsewhere(of scope: Name, _ hear: @escaping @Sendable () -> Void) {
        guard let storeNews else { return }
        storeNews.onInternalChange { scopes in
            if scopes.contains(scope) { hear() }
        }
        storeNews.follow(scope)
    }

    /// Calls `look` with a reader when a scope of the framework's has moved, and again until it
    /// throws nothing: it reads on from where it was. On the news' thread, which waits for it;
    /// never where the process is alone.
    package func onMove(
        of scope: Name, _ look: @escaping @Sendable (any SyncReader) throws(StoreError) -> Void
    ) {
        storeNews?.onMove(of: scope, look)
    }
}
