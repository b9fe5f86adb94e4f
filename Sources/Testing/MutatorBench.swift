// A mutator on a store in memory: pushes as the wire has them, without a server, a thread or a
// permission. What a push may do is the app's to say, and tested with `TestApp`.

import Mizu
import MizuBytes
import MizuSync

/// A mutator to push to. One owner; not for several threads.
public final class MutatorBench {
    private let engine: SyncEngine
    private var pushed = 0
    /// When mutations are applied, in milliseconds since 1970; stands still until it is set.
    public var timeMilliseconds: Int64 {
        get { now.milliseconds }
        set { now.milliseconds = newValue }
    }
    private let now = Now()

    private final class Now {
        var milliseconds: Int64 = 1_800_000_000_000
    }

    /// - Parameters:
    ///   - mutator: the app's.
    ///   - roles: the app's, if it has some: then rights are asked for as in the app.
    public init(_ mutator: some Mutator, roles: Roles? = nil) {
        let now = self.now
        engine = SyncEngine(
            store: MemoryStore(epoch: "test"), mutator: mutator, limits: SyncLimits(),
            roles: roles, now: { now.milliseconds })
    }

    /// Pushes one mutation.
    /// - Parameters:
    ///   - name: the mutation's, as `note.write`.
    ///   - arguments: the text of a JSON object.
    ///   - user: who pushes it; nil: nobody is signed in.
    ///   - scope: where to.
    /// - Throws: where the arguments are no JSON, or a name is none.
    public func push(
        _ name: String, _ arguments: String, user: String? = nil, scope: String? = nil
    ) throws -> TestOutcome {
        pushed += 1
        let body = TestPush(
            name: name, arguments: arguments, scope: scope, id: "m\(pushed)", time: nil
        ).body
        var push = try PushRequest.parse(ByteSlice(body), limits: SyncLimits())
        if let user {
            guard let name = Name(user) else { throw TestError("\(user) is no user's name") }
            push.user = name
        }
        guard let answer = engine.commit([push]).answers.first else {
            throw TestError("\(name): no answer")
        }
        let json = try JSON.parse(answer.get().body(limits: SyncLimits()))
        guard let result = json.member("results")?.elements.first(where: { _ in true }) else {
            throw TestError("\(name): no result")
        }
        return TestOutcome(name, status: 200, result)
    }

    /// Pushes one mutation whose arguments encode to a JSON object.
    public func push(
        _ name: String, _ arguments: some Encodable, user: String? = nil, scope: String? = nil
    ) throws -> TestOutcome {
        let json = try JSONEncoding.encode(arguments)
        return try push(
            name, String(decoding: json.array, as: UTF8.self), user: user, scope: scope)
    }
}
