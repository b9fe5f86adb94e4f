// How much presence may cost, in one place: how many members are kept, how long, and how often
// messages about them are sent. Values only.

import MizuBytes

/// The limits of presence in the app's own topics.
///
/// Memory, as measured: a member takes about 700 bytes and its `info` in the worker that owns its
/// topic, each further connection about 250 there, and each connection about 160 and its `info` in
/// its own worker. So a full topic of 20,000 members with 100 bytes of info each takes some 22 MB.
public struct PresenceLimits: Sendable {
    /// Milliseconds that a member whose last connection broke off has to come back before it is
    /// told as left; 0: none. Who unsubscribes leaves at once. Default 10,000.
    public var graceMilliseconds: UInt64
    /// Milliseconds from one message of a topic to its next; what happens meanwhile is told
    /// together. Default 100.
    public var intervalMilliseconds: UInt64
    /// Messages a second that one topic sends to all its subscribers together: beyond it the
    /// interval grows with their number, to a second for 10,000. Default 10,000.
    public var messagesPerSecondMax: Int
    /// Members of a topic that are told by name; beyond it only their count is. Default 1,000.
    public var namedMembersMax: Int
    /// Bytes of these members as JSON; beyond it only their count is told. Default 256 KiB.
    public var namedBytesMax: Int
    /// Members of a topic; who comes then is not shown, but sees. Default 20,000.
    public var membersMax: Int
    /// Topics with presence that one worker owns; in further ones nothing is kept and an `ack`
    /// has no payload. Default 10,000.
    public var topicsMax: Int
    /// Bytes of a member's id; a longer one is not shown, but sees. Default 128.
    public var idBytesMax: Int
    /// Bytes of `info` as JSON: a client's longer one is refused with `invalid_request`, an app's
    /// is left out. Default 1 KiB.
    public var infoBytesMax: Int
    /// Containers in each other in `info`, with the same end: in a list there are more around it,
    /// and a message has at most 64. Default 32.
    public var infoDepthMax: Int

    public init(
        graceMilliseconds: UInt64 = 10_000, intervalMilliseconds: UInt64 = 100,
        messagesPerSecondMax: Int = 10_000, namedMembersMax: Int = 1_000,
        namedBytesMax: Int = 256 << 10, membersMax: Int = 20_000, topicsMax: Int = 10_000,
        idBytesMax: Int = 128, infoBytesMax: Int = 1 << 10,
        infoDepthMax: Int = 32
    ) {
        self.graceMilliseconds = graceMilliseconds
        self.intervalMilliseconds = intervalMilliseconds
        self.messagesPerSecondMax = messagesPerSecondMax
        self.namedMembersMax = namedMembersMax
        self.namedBytesMax = namedBytesMax
        self.membersMax = membersMax
        self.topicsMax = topicsMax
        self.idBytesMax = idBytesMax
        self.infoBytesMax = infoBytesMax
        self.infoDepthMax = infoDepthMax
    }

    /// Whether `info` is small and flat enough to be sent to others.
    public func allows(_ info: JSONValue) -> Bool {
        info.bytes.count <= infoBytesMax && info.depth <= infoDepthMax
    }

    /// The wait between two messages of a topic with so many subscribers, in nanoseconds.
    func interval(subscribers: Int) -> UInt64 {
        let spread = UInt64(subscribers) * 1_000_000_000 / UInt64(max(1, messagesPerSecondMax))
        return max(intervalMilliseconds.saturatingNanoseconds, spread)
    }
}

extension UInt64 {
    /// So many milliseconds in nanoseconds; the most there is where that is too much.
    var saturatingNanoseconds: UInt64 {
        let (product, isOver) = multipliedReportingOverflow(by: 1_000_000)
        return isOver ? .max : product
    }

    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
