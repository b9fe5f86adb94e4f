// The limits of a socket's conversation in one place, and the names of topics. Values only.

import MizuBytes
import MizuTopics

/// What a connection may hold and say. Defaults are protocol.md's.
public struct LiveLimits: Sendable {
    /// Topics of one connection; beyond it `invalid_request`. Default 100.
    public var subscriptionsPerConnectionMax: Int
    /// Bytes of a `ref` as JSON text; beyond it `invalid_request`. Default 128.
    public var refBytesMax: Int
    /// Bytes of a topic's name; beyond it `invalid_request`. Default 133: `sync:` and the
    /// longest scope.
    public var topicBytesMax: Int
    /// Bytes of the token in `auth`; beyond it `invalid_request`. Default 16 KiB.
    public var tokenBytesMax: Int
    /// Bytes of changes in one delta; who is further behind gets a poke. Default 1 MiB.
    public var deltaBytesMax: Int
    /// How long a socket may be nobody's, where the app asks for users; then it is closed with
    /// 1008. Default 10 s.
    public var authMilliseconds: UInt64
    /// Of presence in an app's topics, where the app allows it.
    public var presence: PresenceLimits

    public init(
        subscriptionsPerConnectionMax: Int = 100, refBytesMax: Int = 128,
        topicBytesMax: Int = 133, tokenBytesMax: Int = 16 << 10, deltaBytesMax: Int = 1 << 20,
        authMilliseconds: UInt64 = 10_000, presence: PresenceLimits = PresenceLimits()
    ) {
        self.subscriptionsPerConnectionMax = subscriptionsPerConnectionMax
        self.refBytesMax = refBytesMax
        self.topicBytesMax = topicBytesMax
        self.tokenBytesMax = tokenBytesMax
        self.deltaBytesMax = deltaBytesMax
        self.authMilliseconds = authMilliseconds
        self.presence = presence
    }

    public static let `default` = LiveLimits()
}

/// Names of topics (protocol.md, "Conventions").
public enum TopicName {
    /// The topic that tells of a scope's changes.
    public static func sync(scope: ByteSlice) -> ByteSlice {
        var name = ByteBuffer(capacity: scope.count + 5)
        name.append("sync:" as StaticString)
        name.append(scope)
        return name.finish()
    }

    /// The scope that `topic` tells of, whatever colons that has; nil for an app's own topic.
    /// Shares the topic's bytes.
    public static func scope(of topic: ByteSlice) -> ByteSlice? {
        guard isSync(topic) else { return nil }
        return topic[5..<topic.count]
    }

    /// Whether `topic` belongs to Sync, so that nobody may publish to it.
    public static func isSync(_ topic: ByteSlice) -> Bool {
        topic.count >= 5
            && topic.withUnsafeBytes {
                ASCII.equal(UnsafeRawBufferPointer(rebasing: $0[..<5]), "sync:")
            }
    }

    /// Whether the bytes can be a topic's name: 1 to `limits.topicBytesMax` bytes, nothing below
    /// 0x20, no 0x7F, and a scope behind `sync:`.
    public static func isValid(_ topic: ByteSlice, limits: LiveLimits = .default) -> Bool {
        guard topic.count >= 1, topic.count <= limits.topicBytesMax else { return false }
        if isSync(topic), topic.count == 5 { return false }
        return topic.withUnsafeBytes { $0.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }
    }
}
