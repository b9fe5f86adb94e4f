// The thread of news: connects to Redis, greets it, sends what was left in RedisPubSub's mail, and
// hands on what comes. Everything on the way is bounded, and a Redis that is slow, stopped or gone
// costs nobody anything but the news.
//
//            ┌───────────────── waiting (BackOff) ◄───────────────┐
//            ▼                                                     │ refused, failed, silent, ended
//   resolve ─► connecting ─► securing (TLS) ─► greeting ─► ready ──┘
//      ▲                                          │ a Sentinel was asked: its answer is where to
//      └──────────────────────────────────────────┘ connect, in the same attempt
//
// One thread, which owns the socket and the TLS engine. It blocks in one place besides the poller:
// in the resolver, if the host is a name.

import Logging
import MizuBytes
import MizuEventLoop
import MizuTransport

final class RedisThread {
    let shared: RedisPubSub
    var poller: Poller
    var phase = Phase.waiting(until: Instant(nanoseconds: 0))
    private var backOff: BackOff
    private var random = RandomNumbers()
    private let parser = RESPParser()
    private let room: UnsafeMutableRawBufferPointer
    var input = ByteBuffer(capacity: 1)
    /// No value is whole before there are that many bytes of input.
    var neededBytes = 0
    var output = ByteBuffer(capacity: 4096)
    /// Channels that Redis was asked for over this connection.
    var subscribed: Set<ByteSlice> = []
    /// Channels that may have to be asked for, or given up.
    private var unsettled: [ByteSlice] = []
    /// Events of an earlier connection carry another number.
    var connectionNumber: UInt64 = 0
    /// Which of the Sentinels is asked first.
    var sentinelIndex = 0
    private var bells: [Void] = []
    private var trouble = LogEpisode()
    private var complaints = LogEpisode()

    enum Phase {
        case waiting(until: Instant)
        case connected(Connection)
    }

    /// One connection, from connect(2) to its end.
    struct Connection {
        let socket: ClientSocket
        var session: RedisSession
        let isSentinel: Bool
        /// Where this attempt must have come to `ready`; then it means nothing.
        let deadline: Instant
        var step = Step.connecting
        var readySince: Instant?
        var lastInput: Instant
        /// When Redis was asked whether it is there, if it has not said anything since.
        var askedAt: Instant?
        /// The kernel has more to read.
        var hasInput = false

        enum Step { case connecting, securing, greeting, ready }
    }

    /// Bytes handed to the kernel before more mail is looked at.
    private static let unsentBytesMax = 256 << 10
    /// Channels in one command.
    private static let channelsMax = 256
    /// Reads of one turn; then others have theirs.
    private static let readsMax = 16
    /// A connection that stood so long is a success.
    private static let standingMilliseconds: UInt64 = 2_000

    init(_ shared: RedisPubSub) throws(SystemError) {
        let poller = try Poller()
        try poller.registerInput(shared.bell.pollable, data: 0)
        self.shared = shared
        backOff = shared.settings.backOff
        self.poller = poller
        room = .allocate(byteCount: TLSClientEngine.roomBytesMin, alignment: 16)
    }

    deinit { room.deallocate() }

    /// Works until it is asked to stop.
    func run() {
        while true {
            let isStopping = takeChanges()
            attemptIfDue()
            send()
            if isStopping { return }
            // The only error that there can be is a signal's, and that ends the wait.
            _ = try? poller.wait(milliseconds: waitMilliseconds())
            handleEvents()
            lookAtDeadlines()
        }
    }

    private func waitMilliseconds() -> Int {
        let now = Instant.machine
        let due: Instant
        switch phase {
        case .waiting(let until): due = until
        case .connected(let connection):
            if connection.hasInput { return 0 }
            due = self.due(of: connection)
        }
        return now < due ? Int(clamping: due.milliseconds(since: now)) + 1 : 0
    }

    /// When something is to be done about a connection that says nothing.
    private func due(of connection: Connection) -> Instant {
        guard connection.step == .ready else { return connection.deadline }
        if let asked = connection.askedAt {
            return asked.adding(milliseconds: shared.settings.silenceMilliseconds)
        }
        return connection.lastInput.adding(milliseconds: shared.settings.quietMilliseconds)
    }

    private func lookAtDeadlines() {
        guard case .connected(var connection) = phase, !connection.hasInput else { return }
        let now = Instant.machine
        guard due(of: connection) <= now else { return }
        guard connection.step == .ready else { return end("it does not answer") }
        guard connection.askedAt == nil else { return end("it has fallen silent") }
        connection.askedAt = now
        phase = .connected(connection)
        RESPCommand.append(command: ["PING"], to: &output)
    }

    /// Ends the connection or the attempt, and waits for the next.
    func end(_ reason: String) {
        var wasReady = false
        if case .connected(let connection) = phase {
            wasReady = connection.step == .ready && !connection.isSentinel
            if let since = connection.readySince,
                Instant.machine.milliseconds(since: since) >= Self.standingMilliseconds
            {
                backOff.succeeded()
            }
        }
        let wait = backOff.failed(&random)
        phase = .waiting(until: Instant.machine.adding(milliseconds: wait))
        shared.mail.withLock { $0.disconnected(reason) }
        if wasReady { shared.receive(.disconnected) }
        if trouble.occurs(at: Instant.machine) == .isNews {
            shared.logger.warning(
                "no news by Redis at \(shared.settings.url): \(reason); the store is asked instead"
            )
        }
    }

    // MARK: What the kernel says

    private func handleEvents() {
        for index in 0..<poller.count {
            let event = poller[index]
            if event.data == 0 {
                shared.bell.drain(into: &bells)
            } else if event.data == connectionNumber {
                handle(event)
            }
        }
        guard case .connected(let connection) = phase, connection.hasInput else { return }
        read()
    }

    private func handle(_ event: Readiness) {
        guard case .connected(var connection) = phase else { return }
        if event.isReadable {
            connection.hasInput = true
            phase = .connected(connection)
        }
        guard event.isWritable else { return }
        if connection.step == .connecting {
            if let error = connection.socket.connected() { return end(error.reason) }
            connection.step = .securing
            phase = .connected(connection)
            greetIfEstablished()
        } else if case .failed(let error) = connection.socket.flush() {
            end(error.reason)
        }
    }

    private func greetIfEstablished() {
        guard case .connected(var connection) = phase, connection.step == .securing,
            connection.socket.isEstablished
        else { return }
        connection.step = .greeting
        connection.session.begin(to: &output)
        phase = .connected(connection)
    }

    private func read() {
        for _ in 0..<Self.readsMax {
            guard case .connected(var connection) = phase, connection.hasInput,
                connection.step != .connecting
            else { return }
            switch connection.socket.read(into: room) {
            case .bytes(let count, let left):
                connection.hasInput = left == .perhaps
                connection.lastInput = Instant.machine
                connection.askedAt = nil
                phase = .connected(connection)
                input.append(room.part(..<count))
                greetIfEstablished()
                takeInput()
            case .wouldBlock:
                connection.hasInput = false
                phase = .connected(connection)
            case .ended: return end("it has closed the connection")
            case .failed(let error): return end(connection.socket.tlsFailure ?? error.reason)
            }
        }
    }

    // MARK: What Redis says

    private func takeInput() {
        let number = connectionNumber
        var received = (messages: 0, bytes: 0)
        defer {
            if received.messages > 0 {
                shared.mail.withLock {
                    $0.statistics.receivedMessages += received.messages
                    $0.statistics.receivedBytes += received.bytes
                }
            }
        }
        while input.count >= max(1, neededBytes) {
            switch parser.parse(input.readable) {
            case .needMore(let count):
                neededBytes = count
                return
            case .malformed(let reason): return end("what it says is not RESP: \(reason)")
            case .value(let value, let consumed):
                guard case .connected(var connection) = phase else { return }
                // Nobody has been asked anything yet.
                guard connection.step == .greeting || connection.step == .ready else {
                    return end("it speaks before it is greeted")
                }
                let event = connection.session.take(value, in: input.readable)
                phase = .connected(connection)
                input.consume(consumed)
                neededBytes = 0
                if case .message(_, let payload) = event {
                    received.messages += 1
                    received.bytes += payload.count
                }
                perform(event)
                // It may have ended the connection, or begun another one.
                guard number == connectionNumber, case .connected = phase else { return }
            }
        }
        if input.isEmpty, input.capacity > 1 << 20 { input = ByteBuffer(capacity: 1) }
    }

    private func perform(_ event: RedisSession.Event) {
        switch event {
        case .nothing: break
        case .ready: ready()
        case .master(let host):
            guard case .connected(let connection) = phase else { return }
            connect(to: host, news(mustBeMaster: true), connection.deadline)
        case .message(let channel, let payload):
            guard subscribed.contains(channel) else { return }
            shared.receive(.message(channel: channel, payload: payload))
        case .subscribed(let channel):
            guard subscribed.contains(channel) else { return }
            shared.receive(.subscribed(channel))
        case .complaint(let code):
            guard complaints.occurs(at: Instant.machine) == .isNews else { return }
            shared.logger.warning(
                "Redis at \(shared.settings.url) refuses a command of news with \(code)")
        case .refused(let reason): end(reason)
        }
    }

    private func ready() {
        guard case .connected(var connection) = phase else { return }
        connection.step = .ready
        connection.readySince = Instant.machine
        phase = .connected(connection)
        unsettled = shared.mail.withLock { $0.connected() }
        trouble = LogEpisode()
        shared.logger.info("news go by Redis at \(shared.settings.url)")
        shared.receive(.connected)
    }

    // MARK: What others ask

    /// - Returns: whether the thread shall end.
    private func takeChanges() -> Bool {
        shared.mail.withLock { mail in
            unsettled += mail.changed
            mail.changed = []
            return mail.isStopping
        }
    }

    private func send() {
        guard case .connected(let connection) = phase else {
            unsettled = []
            return
        }
        let socket = connection.socket
        if connection.step == .ready {
            while !unsettled.isEmpty, output.count + socket.unsentBytes < Self.unsentBytesMax {
                settle()
            }
            if socket.unsentBytes < Self.unsentBytesMax { takePublications() }
        }
        guard connection.step == .greeting || connection.step == .ready, !output.isEmpty else {
            return
        }
        let outcome = socket.send(output.readable)
        output.removeAll()
        if output.capacity > 1 << 20 { output = ByteBuffer(capacity: 4096) }
        if case .failed(let error) = outcome { return end(error.reason) }
        shared.mail.withLock { $0.unsentBytes = socket.unsentBytes }
    }

    /// Asks for some channels, and gives up others.
    private func settle() {
        let some = unsettled.suffix(Self.channelsMax)
        unsettled.removeLast(some.count)
        let wanted = shared.mail.withLock { mail in some.map { mail.wanted.contains($0) } }
        var (more, less): ([ByteSlice], [ByteSlice]) = ([], [])
        for (channel, isWanted) in zip(some, wanted) {
            if isWanted {
                if subscribed.insert(channel).inserted { more.append(channel) }
            } else if subscribed.remove(channel) != nil {
                less.append(channel)
            }
        }
        command("SUBSCRIBE", more)
        command("UNSUBSCRIBE", less)
    }

    private func command(_ name: StaticString, _ channels: [ByteSlice]) {
        guard !channels.isEmpty else { return }
        RESPCommand.begin(channels.count + 1, to: &output)
        RESPCommand.append(word: name, to: &output)
        for channel in channels { RESPCommand.append(channel, to: &output) }
    }

    private func takePublications() {
        // They count until the kernel has them.
        let publications = shared.mail.withLock { $0.takePublications() }
        for publication in publications {
            RESPCommand.begin(3, to: &output)
            RESPCommand.append(word: "PUBLISH", to: &output)
            RESPCommand.append(publication.channel, to: &output)
            RESPCommand.append(publication.payload, to: &output)
        }
    }
}
