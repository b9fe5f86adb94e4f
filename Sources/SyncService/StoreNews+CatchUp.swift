// What other processes have committed and nobody has told: read from the store's log, once for
// this process, and told to its sockets as if it had come by news. Rights that grants in between
// have changed are read off the log itself, so that they end before what was written afterwards is
// told. Where the log does not reach back, or too much is missing, the sockets are told the
// position alone, and each is asked again whether it may have it. On the news' thread.

import MizuBytes
import MizuServer
import MizuSync
import MizuWire

extension StoreNews {
    /// Bytes of changes that are told at a time.
    private static let chunkBytesMax = 512 << 10
    /// Changes beyond that many chunks are not told.
    private static let chunksMax = 16

    /// Tells what is missing of a scope.
    func catchUp(_ scope: Name, from reader: any SyncReader) throws(StoreError) {
        for _ in 0..<Self.chunksMax {
            guard let told = followed.told(scope) else { return }
            let (changes, head) = try missing(of: scope, after: told, from: reader)
            guard head.cursor > told.cursor else { return }
            guard let changes else { return jump(scope, to: head) }
            access.noteGrants([changes])
            tail.append(changes)
            // Another thread may have told a part of it: then the rest is looked at anew.
            let verdict = offer(changes)
            if verdict == .told { counters.told(changes) }
            if verdict != .behind, changes.head.cursor == head.cursor { return }
        }
        if let told = followed.told(scope) {
            let head = try missing(of: scope, after: told, from: reader).head
            if head.cursor > told.cursor { jump(scope, to: head) }
        }
    }

    private func jump(_ scope: Name, to head: ScopeHead) {
        tail.begin(scope, anewAt: head)
        followed.jump(scope, to: head.position) {
            workers.performLiveOnAll { $0.service.jumped(scope, to: head, $0) }
        }
    }

    /// The next changes behind a position; nil where the log does not reach back to it.
    private func missing(
        of scope: Name, after told: Position, from reader: any SyncReader
    ) throws(StoreError) -> (changes: CommittedChanges?, head: ScopeHead) {
        let moment = tail.moment()
        try reader.beginReading(of: scope)
        defer { reader.endReading() }
        let state = try reader.scopeState(scope)
        let head = ScopeHead(state.head, checksum: state.checksum)
        tail.learn(head, of: scope, since: moment)
        guard state.head.cursor > told.cursor, state.base <= told.cursor else {
            return (nil, head)
        }
        if told.cursor > 0 {
            guard try reader.epoch(at: told.cursor, in: scope) == told.epoch else {
                return (nil, head)
            }
        }
        // All changes of what is told together are of one epoch.
        guard try reader.epoch(at: told.cursor + 1, in: scope) == state.head.epoch else {
            return (nil, head)
        }
        var run = LogRun(after: told.cursor)
        try reader.visitLog(of: scope, after: told.cursor) { entry in
            run.take(entry)
            return run.byteCount < Self.chunkBytesMax ? .next : .stop
        }
        guard run.cursor > told.cursor else { return (nil, head) }
        let isAll = run.cursor == state.head.cursor
        let changes = run.finish(
            scope, base: told, epoch: state.head.epoch, checksum: isAll ? state.checksum : nil,
            rights: { $0.flatMap { self.roles?.right(of: $0) } })
        return (changes, head)
    }
}

extension LiveService {
    /// A scope has moved by changes that are not told here.
    func jumped(_ scope: Name, to head: ScopeHead, _ live: LiveWorker) {
        recheckAll(of: scope)
        fanOuts.publishPoke(of: TopicName.sync(scope: ByteSlice(scope.bytes)), at: head)
    }
}
