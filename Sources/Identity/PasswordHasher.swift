// The thread that hashes passwords. A hash is slow on purpose and takes 19 MiB, so there is one
// thread, one hash at a time, and a queue with an end (HashQueue): event loops never wait for it,
// nor does it keep a processor from them, and ten thousand sign-ins at once cost no more memory
// than sixty-four. Whoever gets no place is told so at once. An unknown name is hashed like a known
// one: both ways do one hash.
//
// Nothing here logs, and no password outlives its hash.

import MizuEventLoop
import Synchronization

/// Hashes and verifies passwords on a thread of its own. Any thread may ask.
public final class PasswordHasher: Sendable {
    /// Why there is no answer.
    public enum Refusal: Error, Sendable, Equatable {
        /// Too many wait: come again after so many seconds.
        case busy(retryAfterSeconds: Int)
        /// There is no memory for the hash.
        case noMemory
    }

    public typealias Made = @Sendable (Result<PasswordHash, Refusal>) -> Void
    public typealias Verified = @Sendable (Result<Bool, Refusal>) -> Void

    private enum Work: Sendable {
        case make([UInt8], Made)
        case verify([UInt8], PasswordHash?, Verified)

        func refuse(_ refusal: Refusal) {
            switch self {
            case .make(_, let answer): answer(.failure(refusal))
            case .verify(_, _, let answer): answer(.failure(refusal))
            }
        }
    }

    /// What new hashes are made with.
    public let parameters: PasswordParameters
    /// What a password is compared with if nobody has the name.
    private let stranger: PasswordHash?
    private struct State {
        var queue: HashQueue<Work>
        var isIdle = false
        var isStopping = false
    }
    private let queue: Mutex<State>
    /// A mail only wakes the thread.
    private let thread: MailThread<Void>
    private let hashes = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - parameters: what new hashes are made with.
    ///   - waitingMax: passwords that wait at a time; each a kilobyte at most.
    ///   - sourceMax: those of one address.
    public init(
        _ parameters: PasswordParameters = .recommended, waitingMax: Int = 64, sourceMax: Int = 8
    ) throws(SystemError) {
        self.parameters = parameters
        stranger = PasswordHash.make(Randomness.bytes(16), parameters)
        queue = Mutex(
            State(queue: HashQueue(waitingMax: waitingMax, sourceMax: sourceMax)))
        // With one processor an event loop must not wait until a hash has had its turn.
        thread = try MailThread("mizu-passwords", niceness: 10)
    }

    /// Starts the thread. Call it once.
    public func start() throws(SystemError) {
        try thread.start(handover: ()) { _, inbox in self.run(&inbox) }
    }

    /// Refuses what waits, and ends the thread after the hash that is under way.
    public func stop() {
        let left = queue.withLock { state in
            state.isStopping = true
            var left: [Work] = []
            while let work = state.queue.next() { left.append(work) }
            return left
        }
        for work in left { work.refuse(.busy(retryAfterSeconds: 1)) }
        _ = thread.stop(withinMilliseconds: 2_000)
    }

    /// Hashes that were computed so far: tests count them, because times say little on a busy
    /// machine.
    public var hashCount: UInt64 { hashes.load(ordering: .relaxed) }

    /// Passwords that wait now.
    public var waitingCount: Int { queue.withLock { $0.queue.waiting } }

    /// Hashes `password`.
    /// - Parameters:
    ///   - source: who asks, usually the hash of an address.
    ///   - answer: called once, on the thread, or at once if there is no place.
    public func make(_ password: String, for source: UInt64, answer: @escaping Made) {
        add(.make(Array(password.utf8), answer), source)
    }

    /// Says whether `password` is that of `hash`; of nil it never is, and that takes as long.
    public func verify(
        _ password: String, against hash: PasswordHash?, for source: UInt64,
        answer: @escaping Verified
    ) {
        add(.verify(Array(password.utf8), hash, answer), source)
    }

    private func add(_ work: Work, _ source: UInt64) {
        let (acceptance, wakes, waiting) = queue.withLock { state in
            guard !state.isStopping else { return (HashQueue<Work>.Acceptance.refused, false, 0) }
            let acceptance = state.queue.add(work, from: source)
            let wakes = state.isIdle
            state.isIdle = false
            return (acceptance, wakes, state.queue.waiting)
        }
        if wakes { thread.post(()) }
        // A place is free after one hash; whoever comes again much later finds the queue shorter.
        let wait = max(1, waiting / 16)
        switch acceptance {
        case .taken: break
        case .takenInPlace(let other): other.refuse(.busy(retryAfterSeconds: wait))
        case .refused: work.refuse(.busy(retryAfterSeconds: wait))
        }
    }

    // MARK: On the thread

    private func run(_ inbox: inout MailInbox<Void>) {
        while true {
            let work = queue.withLock { state in
                let work = state.queue.next()
                // Under the lock, so that whoever adds work from now on wakes the thread.
                state.isIdle = work == nil
                return work
            }
            guard let work else {
                guard inbox.receive() == .goOn else { return }
                continue
            }
            hashes.wrappingAdd(1, ordering: .relaxed)
            switch work {
            case .make(let password, let answer):
                let hash = PasswordHash.make(password, parameters)
                answer(hash.map { .success($0) } ?? .failure(.noMemory))
            case .verify(let password, let hash, let answer):
                let matches = (hash ?? stranger)?.matches(password)
                answer(matches.map { .success($0 && hash != nil) } ?? .failure(.noMemory))
            }
        }
    }
}
