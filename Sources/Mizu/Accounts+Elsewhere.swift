// Sessions that end on another node: their sockets here end within the time of a poll, whether
// anybody has told of it or not. Each end is noted in the transaction that makes it
// (`SessionEnds`); the thread of news reads on whenever the accounts' scope has moved. What a node
// tells the others by news only makes that sooner. Nothing here where the process is alone with
// its store.

import MizuIdentity
import MizuSync
import MizuSyncService
import Synchronization

extension Accounts {
    /// Begins to look for ends on other nodes. Once, at the start.
    func watchEndsElsewhere() {
        // Up to where the ends are known. At first all that are kept are taken for news: a socket
        // may be open before the first look.
        let known = Mutex<Int64?>(nil)
        sync.service.onMove(of: AccountRecords.scope) { [self] (reader) throws(StoreError) in
            let before = known.withLock { $0 }
            let news = try SessionEnds.read(after: before, from: reader)
            take(news)
            // Only now: what was not read or not taken is read again.
            known.withLock { $0 = news.last }
        }
    }

    /// Memory forgets them first, then their sockets are closed.
    private func take(_ news: SessionEnds.News) {
        guard news.isAllThere else {
            cache.clear()
            return sync.live.credentialsLost()
        }
        guard !news.credentials.isEmpty else { return }
        let ended = Set(news.credentials)
        cache.end { ended.contains($0.credential) }
        sync.live.closeHere(credentials: news.credentials)
    }
}
