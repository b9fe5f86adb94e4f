// The loop of one thread: opens its share of the connections, moves bytes between them and the
// conversation, and goes from stage to stage as ordered. Edge-triggered, on the same poller,
// slot table and timer wheel as the server. What is sent leaves at once; what comes is parsed where
// it was read. Owns every connection of its thread.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

final class LoadLoop<Talk: Conversation> {
    let settings: BenchSettings
    let address: String
    var talk: Talk
    var peers = SlotTable<Peer<Talk.State>>()
    var poller: Poller
    var alarm: Alarm
    /// Deadlines of connections that are being opened.
    var wheel: TimerWheel
    let engine: TLSClientEngine?
    /// Bytes as they came, lent to whichever connection is read.
    let room: UnsafeMutableRawBufferPointer
    /// What a conversation composes; empty between two of them.
    var out = ByteBuffer(capacity: 64 * 1024)
    var head = ResponseHead()
    let deflateRoom = DeflateRoom()
    private let inbox: Mailbox<Order>
    private let office: Mailbox<Note>
    let progress: Progress
    var stage = Stage.opening
    /// Whether this stage's quiet was reported.
    private var hasTold = false
    /// Numbers of connections that are to be opened.
    var unopened: [Int]
    var opening = 0
    var readyCount = 0
    /// Connections that get a turn before the loop waits again.
    var turns: [Token] = []
    /// Connections that were read for long and may have more: no edge will come.
    private var unread: [Token] = []
    private var orders: [Order] = []
    private var expired: [Int] = []

    private static var inboxData: UInt64 { .max }
    private static var alarmData: UInt64 { .max - 1 }
    /// Reads of one connection before others have their turn.
    private static var readsMax: Int { 8 }

    init(
        _ settings: BenchSettings, address: String, talk: Talk, inbox: Mailbox<Order>,
        office: Mailbox<Note>, progress: Progress
    ) throws {
        self.settings = settings
        self.address = address
        self.talk = talk
        self.inbox = inbox
        self.office = office
        self.progress = progress
        poller = try Poller()
        alarm = try Alarm()
        wheel = TimerWheel(now: .now)
        engine =
            settings.url.isSecure
            ? try TLSClientEngine(host: settings.url.host, trust: settings.trust) : nil
        room = .allocate(byteCount: 256 * 1024, alignment: 64)
        let share = talk.share
        unopened =
            talk.extraConnections + Array(share.first..<share.first + share.count).reversed()
        try poller.registerInput(inbox.pollable, data: Self.inboxData)
        try poller.registerInput(alarm.pollable, data: Self.alarmData)
    }

    deinit { room.deallocate() }

    /// Runs until the coordinator says that it is over.
    func run() throws(SystemError) {
        openMore(now: .now)
        report()
        while stage != .over {
            try setAlarm()
            try poller.wait(milliseconds: turns.isEmpty && unread.isEmpty ? nil : 0)
            for index in 0..<poller.count { advance(poller[index]) }
            let now = Instant.now
            if wheel.isDue(at: now) { expire(now) }
            talk.settle(now: now, turns: &turns)
            if !turns.isEmpty { takeTurns(now) }
            if !unread.isEmpty { readMore() }
            if opening < settings.openingMax, !unopened.isEmpty { openMore(now: now) }
            report()
            peers.recycle()
        }
    }

    private func setAlarm() throws(SystemError) {
        if let deadline = wheel.next { try alarm.ring(by: deadline) }
        if let moment = talk.nextMoment { try alarm.ring(by: moment) }
    }

    private func advance(_ event: Readiness) {
        switch event.data {
        case Self.inboxData: obey()
        case Self.alarmData: alarm.rang()
        default:
            guard let peer = peers[Token(bits: event.data)] else { return }
            if case .connecting = peer.phase {
                guard event.isWritable || event.isHungUp else { return }
                return connected(peer)
            }
            if event.isWritable, peer.socket.hasUnsent,
                case .failed(let error) = peer.socket.flush()
            {
                return fail(peer, Fault(.closed, "\(error)"))
            }
            if event.isReadable { read(peer) }
        }
    }

    // MARK: Reading and sending

    func read(_ peer: Peer<Talk.State>) {
        for _ in 0..<Self.readsMax {
            switch peer.socket.read(into: room) {
            case .bytes(let count, let left):
                talk.tally.receivedBytes += count
                take(count, from: peer)
                if case .closed = peer.phase { return }
                if left == .none { return }
            case .wouldBlock: return
            case .ended: return end(peer)
            case .failed(let error):
                if let reason = peer.socket.tlsFailure { return fail(peer, Fault(.tls, reason)) }
                return fail(peer, Fault(.closed, "\(error)"))
            }
        }
        unread.append(peer.token)
    }

    /// Gives the first `count` bytes of the room to `peer`, after the bytes that were held back.
    private func take(_ count: Int, from peer: Peer<Talk.State>) {
        let fresh = room.mutablePart(..<count)
        if peer.held.isEmpty {
            let used = process(fresh, peer)
            if used < count, !isClosed(peer) {
                peer.held.append(fresh.part(used...))
            }
        } else {
            peer.held.append(UnsafeRawBufferPointer(fresh))
            let used = process(peer.held.mutableReadable, peer)
            peer.held.consume(used)
            // One large answer must not keep its memory on every connection.
            if peer.held.isEmpty, peer.held.capacity > 64 * 1024 {
                peer.held = ByteBuffer(capacity: 1)
            }
        }
    }

    private func isClosed(_ peer: Peer<Talk.State>) -> Bool {
        if case .closed = peer.phase { return true }
        return false
    }

    private func process(_ input: UnsafeMutableRawBufferPointer, _ peer: Peer<Talk.State>) -> Int {
        switch peer.phase {
        case .connecting, .closed: return input.count
        case .securing:
            if peer.socket.isEstablished { secured(peer) }
            guard input.count > 0, !isClosed(peer) else { return input.count }
            if case .securing = peer.phase { return 0 }
            return process(input, peer)
        case .upgrading(let handshake):
            let used = readUpgrade(input, from: peer, of: handshake)
            guard used > 0, used < input.count, peer.isOpen else { return used }
            return used + process(input.mutablePart(used...), peer)
        case .open:
            guard input.count > 0 else { return 0 }
            do throws(Fault) {
                let used = try talk.received(input, from: peer, now: .now, &out)
                send(peer)
                if opening > 0 { noteReady(peer) }
                if peer.isSpent { replace(peer) }
                return used
            } catch {
                fail(peer, error)
                return input.count
            }
        }
    }

    /// Sends what the conversation composed.
    @inline(__always)
    func send(_ peer: Peer<Talk.State>) {
        guard !out.isEmpty else { return }
        talk.tally.sentBytes += out.count
        if case .failed(let error) = peer.socket.send(out.readable) {
            out.removeAll()
            return fail(peer, Fault(.closed, "\(error)"))
        }
        out.removeAll()
    }

    // MARK: Stages

    private func obey() {
        inbox.drain(into: &orders)
        for order in orders {
            switch order {
            case .measure(let start, let end): enter(.measuring, from: start, until: end)
            case .enter(let next): enter(next, from: .now, until: .now)
            case .turn: break  // `settle` sees to it
            }
        }
    }

    private func enter(_ next: Stage, from start: Instant, until end: Instant) {
        guard next > stage else { return }
        stage = next
        hasTold = false
        talk.enter(next, from: start, until: end)
        if next == .over {
            unopened.removeAll()
            return
        }
        peers.forEach { peer in
            if peer.isOpen, peer.isReady { turns.append(peer.token) }
        }
    }

    private func takeTurns(_ now: Instant) {
        var tokens: [Token] = []
        swap(&tokens, &turns)
        for token in tokens {
            guard let peer = peers[token], peer.isOpen, peer.isReady else { continue }
            do throws(Fault) {
                try talk.turn(peer, now: now, &out)
                send(peer)
            } catch {
                fail(peer, error)
            }
        }
    }

    private func readMore() {
        var tokens: [Token] = []
        swap(&tokens, &unread)
        for token in tokens {
            if let peer = peers[token] { read(peer) }
        }
    }

    /// Tells the coordinator when a stage is done here.
    private func report() {
        progress.update(talk.tally, open: peers.count - opening)
        guard !hasTold else { return }
        if stage == .opening {
            guard unopened.isEmpty, opening == 0, readyCount >= peers.count else { return }
            hasTold = true
            office.post(.ready(thread: talk.share.thread))
        } else if talk.isQuiet(stage) || (peers.count == 0 && unopened.isEmpty) {
            hasTold = true
            office.post(.quiet(thread: talk.share.thread, stage))
        }
    }

    private func expire(_ now: Instant) {
        expired.removeAll(keepingCapacity: true)
        wheel.advance(to: now, expired: &expired)
        for index in expired {
            guard let peer = peers.element(at: index), !peer.isReady else { continue }
            fail(
                peer,
                Fault(.timeout, "a connection was not ready within \(settings.openTimeout) s"))
        }
    }
}
