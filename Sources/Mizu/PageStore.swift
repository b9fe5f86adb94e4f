// The pages of an app that are kept, and those that are being made, behind one short lock that all
// workers and readers share. Any thread.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuSync
import MizuSyncService
import Synchronization

/// Who waits for a page that is being made.
struct PageWaiter: Sendable {
    let exchange: ExchangeID
    let peer: PeerAddress
    let pass: AccessPass
    let watch: ExchangeWatch
    let asked: AskedRepresentation
}

final class PageStore: Sendable {
    /// Requests that wait for pages, all together; beyond it 503. As many as may wait for reads.
    static let waitersMax = 20_000

    private struct State {
        var cache: PageCache
        var makes: PageMakes<PageWaiter>
    }

    private let state: Mutex<State>
    /// New with each process: another one may have other templates for the same state.
    private let seed: UInt64

    init(byteCountMax: Int) {
        state = Mutex(
            State(
                cache: PageCache(byteCountMax: byteCountMax),
                makes: PageMakes(waitersMax: Self.waitersMax)))
        var random = RandomNumbers()
        seed = random.next()
    }

    // MARK: Pages that are kept

    /// The page as it is at `position`, if it is kept. O(1).
    func page(_ key: PageKey, at position: Position) -> KeptPage? {
        state.withLock { $0.cache.page(key, at: position) }
    }

    func keep(_ page: KeptPage, as key: PageKey) {
        state.withLock { $0.cache.keep(page, as: key) }
    }

    /// Names a state of a page: a checksum of the epoch and of the key, and the cursor.
    func tagName(of key: PageKey, at position: Position) -> String {
        var text = ByteBuffer(capacity: 256)
        for name in [key.scope, position.epoch] + (key.user.map { [$0] } ?? []) {
            name.withUnsafeBytes { text.append($0) }
            // No name has a zero byte in it.
            text.append(UInt8(0))
        }
        text.append(UInt8(key.user == nil ? 0 : 1))
        text.append(ByteSlice("\(key.route).\(key.name)"))
        let hash = Hex.encode(XXHash64.hash(text.finish(), seed: seed))
        return String(decoding: hash, as: UTF8.self) + "-\(position.cursor)"
    }

    // MARK: Pages that are being made

    func join(
        _ key: PageKey, _ waiter: PageWaiter, seen position: Position?
    ) -> PageMakes<PageWaiter>.Part {
        state.withLock { $0.makes.join(key, waiter, seen: position) }
    }

    func begin(_ key: PageKey) { state.withLock { $0.makes.begin(key) } }

    func end(
        _ key: PageKey, at position: Position
    ) -> (served: [PageWaiter], next: PageWaiter?) {
        state.withLock { $0.makes.end(key, at: position) }
    }

    func abandon(_ key: PageKey) -> PageWaiter? { state.withLock { $0.makes.abandon(key) } }

    /// Bytes of pages that are kept.
    var byteCount: Int { state.withLock { $0.cache.byteCount } }

    /// How many wait for pages.
    var waiterCount: Int { state.withLock { $0.makes.waiterCount } }

    func fail(_ key: PageKey) -> [PageWaiter] { state.withLock { $0.makes.fail(key) } }
}
