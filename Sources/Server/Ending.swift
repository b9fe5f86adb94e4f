// Why a connection ends, and how. Whoever finds a reason names it (`Worker.end(_:because:)`), this
// table says what is done, and the worker does it. A new reason to close is one case of
// `CloseReason` and one row of `ending(in:)`.
//
//                ┌─ answer ──┐                       answer, closeFrame: the peer is told why
//   a reason ──► ├─ closeFrame ─► flush ─► linger    flush:  what waits is sent, nothing is added
//                ├─ flush ───┘                │      linger: our side is shut; the peer may end its
//                ├─ linger ◄──────────────────┘              own, so that no reset overtakes bytes
//                ├─ watch, goOn: it ends later, by a deadline
//                └─ retire, reset ──► closed         retire: now; reset: and the kernel drops what
//                                                    it holds, so that a peer sips no more at it
//
// Knows no connection and no socket.

/// Why a connection ends.
enum CloseReason: UInt8, CaseIterable {
    // What the peer did.
    /// It has sent its last byte. What it asked for is still answered: it may read on.
    case peerEnded
    /// Reading or writing failed: nobody is left to be told.
    case broken
    /// It broke the rules of TLS; an alert says so.
    case tlsFailed
    /// It wrote no PROXY header where one must be.
    case noProxyHeader

    // What came too late.
    case slowHandshake, slowHead, slowBody, slowMessage
    case slowHandler
    /// It does not take what it was sent.
    case slowReader
    /// A socket that says nothing at all.
    case silent
    case idle
    case closeUnanswered
    /// It had its time to end a connection that was over.
    case lingered

    // What we want.
    /// The last answer, or the last close frame, is written.
    case finished
    /// An answer that has begun cannot be completed: the peer must see that a part is missing.
    case brokenStream
    /// It was not let in; its refusal is sent.
    case turnedAway
    /// Its address has begun too many handshakes, or it gave way to a newer one.
    case crowdedOut
    /// Its address, or the process, holds as much as it may.
    case addressMemory, memory
    /// The worker drains.
    case drain
    case workerEnded
}

/// How a connection ends.
enum Ending: Equatable {
    /// Another deadline sees to its end.
    case goOn
    /// The same, as soon as the peer stops to take what was sent.
    case watch
    case answer(LastAnswer)
    case closeFrame(UInt16, String, dropping: Dropped = .nothing)
    case flush, linger, retire, reset

    /// What a request is answered that gets no other answer.
    enum LastAnswer: Equatable { case requestTimeout, handlerTimeout, memoryShort }

    /// What the close frame takes the place of.
    enum Dropped: Equatable {
        case nothing
        /// What has not begun to be sent: nothing of it counts any more.
        case output
        /// What has come of a message.
        case input
    }
}

extension CloseReason {
    /// What is done about a connection that ends for this reason.
    func ending(in situation: Situation) -> Ending {
        // Bytes of an answer that is made as it is sent have gone out: no other can follow.
        switch self {
        case .peerEnded: return afterLastByte(of: situation)
        case .finished: return situation.hasOutput ? .flush : .linger
        case .tlsFailed, .turnedAway: return .linger
        case .broken, .noProxyHeader, .slowHandshake, .silent, .closeUnanswered, .crowdedOut,
            .workerEnded:
            return .retire
        case .brokenStream: return .reset
        case .lingered: return situation.isDelivered ? .retire : .watch
        // The peer of a drain was given a moment already.
        case .idle: return situation.isDraining ? .retire : .linger
        case .slowHead where situation.phase == .proxyHeader: return .retire
        case .slowHead, .slowBody: return answer(.requestTimeout, situation)
        case .slowHandler: return answer(.handlerTimeout, situation)
        case .slowMessage: return .closeFrame(1008, "the message came too slowly")
        case .slowReader:
            return situation.isSocketOpen
                ? .closeFrame(4000, "too slow", dropping: .output) : .reset
        case .addressMemory: return freeing(situation, "too much is held for this address")
        case .memory: return freeing(situation, "the server is short of memory")
        case .drain: return drained(situation)
        }
    }

    private func afterLastByte(of situation: Situation) -> Ending {
        switch situation.phase {
        case .http where situation.hasOutput: .flush
        // The kernel may hold an answer yet that the peer still reads.
        case .http: situation.isDeliveryWatched ? .linger : .retire
        // A peer that closed its half only still reads the answer to its last words, above all to
        // its close frame.
        case .webSocket: situation.hasOutput ? .flush : .retire
        // What it has not acknowledged is not lost as long as it goes on taking it.
        case .lingering: situation.isDelivered ? .retire : .watch
        case .accepted, .proxyHeader, .handshaking, .closed: .retire
        }
    }

    private func answer(_ answer: Ending.LastAnswer, _ situation: Situation) -> Ending {
        situation.isStreaming ? .reset : .answer(answer)
    }

    /// Says why where that frees what is held at once.
    private func freeing(_ situation: Situation, _ reason: String) -> Ending {
        guard !situation.hasQueue else { return .reset }
        if situation.phase == .http { return answer(.memoryShort, situation) }
        return situation.isSocketOpen ? .closeFrame(1013, reason, dropping: .input) : .reset
    }

    private func drained(_ situation: Situation) -> Ending {
        switch situation.phase {
        case .proxyHeader: .retire
        // Who still takes an answer has nothing to ask: the connection ends after it.
        case .http where situation.isBetweenRequests && situation.isDeliveryWatched:
            situation.hasOutput ? .flush : .retire
        case .webSocket: .closeFrame(1012, "the server restarts")
        case .accepted, .handshaking, .http, .lingering, .closed: .goOn
        }
    }
}
