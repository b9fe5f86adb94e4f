// Joins Sync to the server: one store with its committer and reader threads, the tail that all
// workers read, and the hook that says who may what. `/_sync/*` (Endpoints) and `/ws` (LiveService)
// speak for it; apps use it through `Sync` in the Mizu room. Any thread.

import Logging
import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import Synchronization

/// What somebody wants to do with a scope.
public enum SyncAction: Sendable {
    case push, pull, snapshot, subscribe
}

/// Whether `user` (nil: nobody is signed in) may do `action` in `scope`. Asked before anything is
/// read or stored; on any worker's thread, so it must not wait.
public typealias Authorize =
    @Sendable (_ user: Name?, _ scope: Name, _ action: SyncAction) -> Bool

public final class SyncService: Sendable {
    public let limits: SyncLimits
    public let tail: LogTail
    let workers: Workers
    let authorize: Authorize
    let logger: Logger
    private let committer: Committer
    private let readers: Readers

    /// Starts the committer and the reader threads on `store`.
    /// - Parameters:
    ///   - store: taken over; closed by `stop`.
    ///   - publish: gets every commit's changes before any answer leaves: the seam by which
    ///     topics are fed.
    public static func start(
        _ store: sending any SyncStore, mutator: any Mutator, limits: SyncLimits,
        workers: Workers, logger: Logger, authorize: @escaping Authorize,
        publish: @escaping @Sendable ([CommittedChanges]) -> Void
    ) throws(SyncStartError) -> SyncService {
        do throws(SystemError) {
            let tail = LogTail(limits: limits)
            let committer = try Committer(tail: tail, logger: logger, publish: publish)
            let readers = try Readers(count: 2)
            for index in 0..<readers.count {
                do throws(StoreError) {
                    let reader = try store.makeReader()
                    try Self.startReader(reader, index, readers)
                } catch {
                    throw SyncStartError.store(error)
                }
            }
            let engine = SyncEngine(
                store: store, mutator: mutator, limits: limits, now: { WallClock.milliseconds })
            try committer.start(engine)
            return SyncService(
                limits: limits, tail: tail, workers: workers, authorize: authorize,
                logger: logger, committer: committer, readers: readers)
        } catch {
            throw .system(error)
        }
    }

    private init(
        limits: SyncLimits, tail: LogTail, workers: Workers, authorize: @escaping Authorize,
        logger: Logger, committer: Committer, readers: Readers
    ) {
        self.limits = limits
        self.tail = tail
        self.workers = workers
        self.authorize = authorize
        self.logger = logger
        self.committer = committer
        self.readers = readers
    }

    // MARK: For every caller

    /// Commits `request`; `answer` is called once, on the committer's thread or at once.
    public func push(
        _ request: PushRequest, answer: @escaping @Sendable (PushAnswer) -> Void
    ) {
        guard !workers.isDraining else {
            return answer(.failure(.unavailable("the server is going down")))
        }
        committer.push(request, answer: answer)
    }

    /// Runs `work` with a reader, on a reader's thread; a store that cannot be read, or too many
    /// readers waiting, is told as a refusal.
    public func read(
        _ work: @escaping @Sendable (Result<any SyncReader, Refusal>) -> Void
    ) {
        let logger = self.logger
        let isTaken = readers.read { result in
            switch result {
            case .success(let reader): work(.success(reader))
            case .failure(let error):
                logger.error("the store cannot be read: \(error.message)")
                work(.failure(.unavailable("the store cannot be read now")))
            }
        }
        if !isTaken { work(.failure(.unavailable("too many reads wait; try again"))) }
    }

    /// Finishes what was pushed and closes the store. Call it when the workers have ended.
    public func stop() {
        readers.stop()
        committer.stop()
    }
}

/// Why Sync did not start.
public enum SyncStartError: Error, CustomStringConvertible {
    case store(StoreError)
    case system(SystemError)

    public var description: String {
        switch self {
        case .store(let error): error.message
        case .system(let error): "cannot start: \(error)"
        }
    }
}
