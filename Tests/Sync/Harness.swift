// A server without sockets: engine, reader and tail over one backing, with a clock that the test
// turns. Every pull that the tail answers is asked of the store as well, and both must agree: one
// rule, two places.

import Glibc
import MizuBytes
import MizuSync
import Synchronization
import Testing

/// Milliseconds that stand still until a test moves them.
final class TestClock {
    var milliseconds: Int64 = 1_800_000_000_000
    /// How far the wall clock is from where it should be.
    private var error: Int64 = 0
    var steady: Int64 { milliseconds - error }

    /// Sets the wall clock; no time goes by.
    func leap(_ distance: Int64) {
        milliseconds += distance
        error += distance
    }
}

/// What a demand for a fold calls. Its store is used on the harness's thread alone.
private struct UncheckedStore: @unchecked Sendable {
    weak var store: (any SyncStore)?
}

/// Whether somebody waits for a fold.
private final class DemandFlag: Sendable {
    private let isSet = Atomic(false)

    func set() { isSet.store(true, ordering: .releasing) }
    func take() -> Bool { isSet.exchange(false, ordering: .acquiringAndReleasing) }
}

final class Harness {
    let backing: Backing
    let clock = TestClock()
    var limits: SyncLimits
    private(set) var epoch: Name = "e0"
    private(set) var engine: SyncEngine?
    private(set) var reader: (any SyncReader)?
    private(set) var store: (any SyncStore)?
    private(set) var tail: LogTail
    private var openings = 0
    var lastResult: CommitResult?
    /// Mutations of people so far, for their ids.
    var people = 0
    /// Another thread's reader waits for a fold.
    private let demands = DemandFlag()

    private let roles: Roles?
    let system = SystemMutations()

    init(_ kind: StoreKind, limits: SyncLimits = SyncLimits(), roles: Roles? = nil) throws {
        self.roles = roles
        backing = try Backing(kind)
        self.limits = limits
        tail = LogTail(limits: limits)
        try open()
    }

    func open(wrapping wrap: (any SyncStore) -> any SyncStore = { $0 }) throws {
        openings += 1
        epoch = try #require(Name("e\(openings)"))
        let store = try backing.open(epoch: epoch)
        reader = try store.makeReader()
        self.store = store
        let (demands, owner) = (demands, pthread_self())
        let folder = UncheckedStore(store: store)
        store.onFoldDemand {
            // The reader of the harness is on the store's thread, and has nobody else to fold.
            if pthread_equal(owner, pthread_self()) != 0 {
                _ = try? folder.store?.fold(.whole)
            } else {
                demands.set()
            }
        }
        let clock = clock
        engine = SyncEngine(
            store: wrap(store), mutator: TestMutator(), limits: limits, roles: roles,
            system: system, now: { clock.milliseconds }, steady: { clock.steady })
        tail = LogTail(limits: limits)
    }

    /// Folds where a reader of another thread waits for it.
    func foldIfDemanded() throws {
        if demands.take() { try store?.fold(.whole) }
    }

    func close() {
        engine = nil
        reader = nil
        store = nil
    }

    /// Ends the process, so to speak, and starts it again: same state, new epoch, empty tail.
    func restart() throws {
        close()
        try open()
    }

    func restoreBackup() throws {
        close()
        try backing.restoreBackup()
        try open()
    }

    func makeBackup() throws {
        close()
        try backing.makeBackup()
        try open()
    }
}

// MARK: Requests as text, answers as JSON

extension Harness {
    /// Commits pushes together, as SyncService does: commit, tail, then the answers.
    func commit(_ batch: [PushRequest]) throws -> [Result<JSONValue, Refusal>] {
        let result = try #require(engine).commit(batch)
        for changes in result.feed { tail.append(changes) }
        for head in result.internalHeads { tail.note(head) }
        lastResult = result
        return try result.answers.map { answer in
            switch answer {
            case .success(let pushed): .success(try JSON.parse(pushed.body(limits: limits)))
            case .failure(let refusal): .failure(refusal)
            }
        }
    }

    func push(_ body: String, user: Name? = nil, origin: PushOrigin? = nil) throws -> JSONValue {
        var request = try PushRequest.parse(ByteSlice(body), limits: limits)
        request.user = user
        request.origin = origin
        return try #require(try commit([request]).first).get()
    }

    /// The results of a push, one by one.
    func results(
        _ body: String, user: Name? = nil, origin: PushOrigin? = nil
    ) throws -> [JSONValue] {
        let answer = try push(body, user: user, origin: origin)
        return Array(try #require(answer.member("results")).elements)
    }

    /// One mutation's result.
    func mutate(
        _ id: String, _ name: String, _ args: String = "{}", client: String? = nil,
        user: Name? = nil, scope: String = "s", origin: PushOrigin? = nil
    ) throws -> JSONValue {
        let client = client.map { "\"client\":\"\($0)\"," } ?? ""
        let body = """
            {"scope":"\(scope)",\(client)"mutations":[\
            {"id":"\(id)","name":"\(name)","args":\(args)}]}
            """
        return try #require(try results(body, user: user, origin: origin).first)
    }

    func pull(_ body: String) throws -> JSONValue {
        let request = try PullRequest.parse(ByteSlice(body), limits: limits)
        let stored = try #require(reader).pull(request, limits: limits)
        switch tail.pull(request) {
        case .askStore: break
        case .page(let page):
            #expect(page.text == (try stored.get().text), "tail and store differ")
        case .refused(let refusal):
            // Where the store has trimmed what the tail still has, it may give the other reason.
            #expect(stored.failure?.status == refusal.status, "tail and store differ")
        }
        return try JSON.parse(ByteSlice(try stored.get().text))
    }

    func pull(_ cursor: Int, _ epoch: Name, limit: Int = 100, scope: String = "s") throws
        -> JSONValue
    {
        try pull(
            """
            {"scope":"\(scope)","cursor":\(cursor),"epoch":"\(epoch)","limit":\(limit)}
            """
        )
    }

    func snapshot(_ body: String) throws -> JSONValue {
        let request = try SnapshotRequest.parse(ByteSlice(body), limits: limits)
        let answer = try #require(reader).snapshot(request, limits: limits).get()
        return try JSON.parse(ByteSlice(answer.map(\.string).joined()))
    }

    func trimAll() throws {
        for _ in 0..<1000 where try #require(engine).trim() == .done { return }
        Issue.record("trimming does not end")
    }
}

extension PullPage {
    /// The body in one.
    var text: String { body.map(\.string).joined() }
}

extension Result where Failure == Refusal {
    var failure: Refusal? {
        guard case .failure(let refusal) = self else { return nil }
        return refusal
    }
}

extension JSONValue {
    var text: String { bytes.string }
    func int(_ name: StaticString) -> Int? { member(name)?.int }
    func string(_ name: StaticString) -> String? { member(name)?.string }
    func bool(_ name: StaticString) -> Bool? { member(name)?.bool }
    var cursors: [Int] {
        (member("changes")?.elements).map { $0.compactMap { $0.int("cursor") } } ?? []
    }
}
