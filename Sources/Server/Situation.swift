// What the machines of a connection (`ConnectionTimer`, `Ending`) look at, taken at one moment. A
// plain value, so that each machine is tested from a table without a connection.

/// One connection at one moment.
struct Situation: Equatable {
    var phase: Connection.Phase
    /// It speaks WebSocket and neither side has said close.
    var isSocketOpen = false
    /// Something waits that the kernel has not taken.
    var hasOutput = false
    /// Some of that was begun or gathered in an earlier tick.
    var hasQueue = false
    /// A handler has its request and answers later.
    var isAwaited = false
    /// Its answer is being made as it is taken.
    var isStreaming = false
    /// A request's head is complete and its body is arriving.
    var hasBody = false
    /// A request's head is there in part.
    var inHead = false
    /// Its deadline is about what the peer has not taken.
    var isDeliveryWatched = false
    /// The peer's kernel has acknowledged all that was sent. Known only when a connection that
    /// lingers ends, because the answer takes a system call.
    var isDelivered = false
    /// The worker drains.
    var isDraining = false

    /// Between two requests: none has begun, none is being answered.
    var isBetweenRequests: Bool {
        phase == .http && !hasBody && !inHead && !isStreaming && !isAwaited
    }
}

extension Worker {
    func situation(of connection: Connection) -> Situation {
        let flags = connection.flags
        var situation = Situation(phase: connection.phase)
        situation.isSocketOpen = connection.isOpenSocket
        situation.hasOutput = connection.pendingBytes > 0
        situation.hasQueue = connection.outbox.queue != nil
        situation.isAwaited = flags.contains(.awaited)
        situation.isStreaming = flags.contains(.streams)
        situation.hasBody = connection.incomplete != nil
        situation.inHead = flags.contains(.inHead)
        situation.isDeliveryWatched = connection.isDeliveryWatched
        situation.isDraining = drainDeadline != nil
        return situation
    }
}
