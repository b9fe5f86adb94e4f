// What is said on the connections of one thread: each kind of load is one of these. The loop moves
// the bytes; the conversation composes, checks and counts, and never waits. One value for each
// thread.

import MizuBytes
import MizuEventLoop

protocol Conversation: SendableMetatype {
    /// What each connection needs.
    associatedtype State
    /// What is known in the end beside the tally.
    associatedtype Findings: Sendable

    /// Whether connection `number` is upgraded before it is opened.
    func usesWebSocket(connection number: Int) -> Bool
    /// The target of the upgrade; nil: the URL's own.
    var webSocketTarget: String? { get }
    var tally: Tally { get set }
    var findings: Findings { get }

    /// Connections that this thread opens, and the number of the first.
    var share: Share { get }
    /// Numbers of connections that it needs besides; opened last.
    var extraConnections: [Int] { get }
    func state(ofConnection number: Int) -> State

    /// The connection is open. What is appended to `out` is sent. Sets `isReady` now or later.
    mutating func opened(_ peer: Peer<State>, _ out: inout ByteBuffer) throws(Fault)

    /// Reads bytes that came. A part that is not whole comes again with more after it.
    /// - Returns: how many bytes are done with.
    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<State>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int

    /// The stage has changed, or the conversation asked for a turn of this connection.
    mutating func turn(
        _ peer: Peer<State>, now: Instant, _ out: inout ByteBuffer) throws(Fault)

    /// The server ended the connection, in peace or not.
    /// - Throws: what is missing because of it.
    mutating func ended(_ peer: Peer<State>) throws(Fault)

    /// The connection is gone because of a fault, which is counted.
    mutating func lost(_ peer: Peer<State>)

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant)
    /// Once in each turn of the loop, after all events: takes what other threads did, and says
    /// which connections want a turn.
    mutating func settle(now: Instant, turns: inout [Token])
    /// Whether nothing more is expected in this stage.
    func isQuiet(_ stage: Stage) -> Bool
    /// When `settle` must be called though nothing comes.
    var nextMoment: Instant? { get }
}

/// The part of the run's connections that one thread has.
struct Share: Sendable {
    let thread: Int
    let first: Int
    let count: Int

    /// Divides `connections` among `threads` as evenly as it goes.
    static func of(_ connections: Int, thread: Int, threads: Int) -> Share {
        let (each, rest) = (connections / threads, connections % threads)
        return Share(
            thread: thread, first: each * thread + min(thread, rest),
            count: each + (thread < rest ? 1 : 0))
    }
}

extension Conversation {
    mutating func lost(_ peer: Peer<State>) {}
    mutating func settle(now: Instant, turns: inout [Token]) {}
    var nextMoment: Instant? { nil }
    var extraConnections: [Int] { [] }
    var webSocketTarget: String? { nil }
}
