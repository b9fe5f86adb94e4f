// The loop that everybody reads first. One worker is one thread with its own listeners,
// connections, timers and topics; it shares nothing and meets other threads only in its mailbox.
//
//   wait → clock → advance what is ready → mailbox → who waits → timers → services → flush →
//   retire the closed
//
// A tick ends after a few milliseconds, whatever is left (TickBudget): who is left stands in a list
// and goes on in a later one, so that mail, timers and newcomers never wait for a crowd.
//
// All reads of a tick come before all its writes, so that answers that are ready together leave
// together. The aspects of a connection's life stand beside this file: Accept, Input, Requests,
// WebSocket, Output, Deadlines, Ending and Drain.

import CLinux
import Logging
import MizuAccessLog
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport
import MizuWebSocket

/// One event loop. Confined to its thread; others reach it with `Workers.perform`.
public final class Worker {
    public let server: Server
    public let index: Int
    let limits: ServerLimits
    let logger: Logger
    // Copied out of the configuration once: each look through it would copy them.
    let router: Router
    let admit: Admit
    let certificateHosts: CertificateHosts
    let crossOrigin: CrossOrigin
    let defaults: SafeDefaults
    let compression: ServerConfiguration.Compression
    let messageLimits: WebSocketLimits
    /// Who may come in; shared by all workers.
    let admission: Admission
    let memory: MemoryLedger
    /// Of `memory`; answers up to here are not counted.
    let smallBytesMax: Int
    let proxyProtocol: ServerConfiguration.ProxyProtocolUse
    let transportSecurity: String?
    /// The same as a whole line; empty where there is none.
    let transportPolicy: [UInt8]
    /// Asked before anything is done for the access log, so that it costs nothing where it is off.
    let logsAccess: Bool
    let accessLines: AccessLines?
    /// Asked for every request that is not free.
    let limiter: RateLimiter?
    /// Where this worker has the time from.
    public let clock: Clock
    /// What it counts; `server` keeps the memory.
    let counter: WorkerCounter
    let origin: Instant
    /// The thread that made it; looked at in assertions alone.
    let thread = cl_thread_self()
    /// What changes with each tick; see `WorkerState`.
    let state: UnsafeMutablePointer<WorkerState>

    // Tokens have generations from 1, so data below 2^32 is free for what is no connection.
    private static let mailboxData: UInt64 = 0
    private static let alarmData: UInt64 = 1
    private static let firstListenerData: UInt64 = 2

    /// The thread's body: makes the worker and runs it to its end.
    /// - Parameter listeners: taken over and left empty: whoever else kept one would keep it
    ///   listening after `stopAccepting`, and clients would wait where nobody accepts.
    static func main(_ server: Server, index: Int, listeners: inout [Listener]) {
        defer { server.workerEnded() }
        do throws(SystemError) {
            let worker = try Worker(server, index: index, listeners: &listeners)
            defer { worker.retireAll() }
            try worker.run()
        } catch {
            server.configuration.logger.critical("worker \(index) ended: \(error)")
        }
    }

    init(
        _ server: Server, index: Int, listeners acquired: inout [Listener]
    ) throws(SystemError) {
        self.server = server
        self.index = index
        limits = server.configuration.limits
        logger = server.configuration.logger
        router = server.configuration.router
        admit = server.configuration.admit
        certificateHosts = CertificateHosts(server.configuration.tls)
        crossOrigin = server.configuration.crossOrigin
        defaults = server.configuration.defaults
        admission = server.admission
        memory = server.memory
        smallBytesMax = server.memory.limits.smallBytesMax
        proxyProtocol = server.configuration.proxyProtocol
        limiter = server.configuration.rateLimiter
        transportSecurity = server.configuration.strictTransportSecurity
        transportPolicy =
            transportSecurity.map {
                Array("Strict-Transport-Security: \($0)\r\n".utf8)
            } ?? []
        compression = server.configuration.compression
        messageLimits = WebSocketLimits(
            messageBytesMax: limits.messageBytesMax, fragmentsMax: limits.messageFragmentsMax)
        logsAccess = server.configuration.accessLog != nil
        clock = server.configuration.clock
        counter = WorkerCounter(server.counters[index])
        let began = clock.monotonic
        origin = began
        accessLines = server.configuration.accessLog.map { AccessLines($0, now: began) }
        // What can fail comes first: `deinit` must find the state initialised.
        let fresh = try Poller()
        let alarm = try Alarm()
        try fresh.registerInput(alarm.pollable, data: Self.alarmData)
        state = .allocate(capacity: 1)
        state.initialize(
            to: WorkerState(
                poller: fresh, alarm: alarm, listeners: acquired, now: began,
                limits: limits,
                compressors: CompressorTable(
                    memoryBytesMax: server.configuration.deflate?.compressorBytesMax ?? 0,
                    ledger: server.workers.queued)))
        acquired = []
        do throws(TLSError) {
            state.pointee.tls = try server.configuration.tls.map {
                (certificates) throws(TLSError) in
                try TLSEngine(certificates, options: server.configuration.tlsOptions)
            }
            state.pointee.tls?.queued = server.workers.queued
        } catch {
            // The same certificates made a context when they were loaded: memory is short.
            logger.critical("worker \(index) has no TLS: \(error)")
            throw SystemError.outOfMemory("SSL_CTX_new")
        }
        services = server.configuration.webSockets.map { $0() }
        refreshDate()
        try poller.registerInput(server.workers.mailbox(index).pollable, data: Self.mailboxData)
        for (position, listener) in listeners.enumerated() {
            let data = Self.firstListenerData + UInt64(position)
            if listener.isShared {
                try poller.registerShared(listener.pollable, data: data)
            } else {
                try poller.registerInput(listener.pollable, data: data)
            }
        }
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    // MARK: The loop

    private func run() throws(SystemError) {
        while !isFinished {
            try waitForTick()
            if hasTasks { runTasks() }
            endTick()
            // A request waits: from now on a driver takes the ticks (+Tasks).
            if state.pointee.tasks.executor != nil { try leadTicks() }
        }
    }

    /// Waits until there is something to do, and begins the tick.
    @inline(__always)
    func waitForTick() throws(SystemError) {
        // Whoever need not wait is due at once.
        let mayWait = state.pointee.mayWait
        let due = mayWait ? nextMoment : now
        if mayWait, let due { try alarm.ring(by: due) }
        try poller.wait(milliseconds: mayWait ? nil : 0)
        try beginTick(due: due, hasWaited: mayWait)
    }

    /// Does what the poller's batch, mail and the clock ask for.
    /// - Parameters:
    ///   - due: when the wait for the batch was to end at the latest; nil: nothing was due.
    ///   - hasWaited: whether the wait was to last until something happens.
    /// - Returns: whether the next wait may do that; if not, there is more to do.
    @inline(__always)
    func tick(due: Instant?, hasWaited: Bool) throws(SystemError) -> Bool {
        try beginTick(due: due, hasWaited: hasWaited)
        if hasTasks { runTasks() }
        endTick()
        return state.pointee.mayWait
    }

    /// The part of a tick before the tasks.
    @inline(__always)
    private func beginTick(due: Instant?, hasWaited: Bool) throws(SystemError) {
        state.pointee.isInTick = true
        tickClock()
        let isEmpty = hasWaited && poller.count == 0
        var look = isEmpty ? PauseWatch.Look.again : .enough
        if let due, now > due { look = wokeLate(due: due, isEmpty: isEmpty) }
        advanceReady()
        if look == .again { try advanceUnseen() }
        advanceAgain()
        advanceLeaving()
    }

    @inline(never)
    private func wokeLate(due: Instant, isEmpty: Bool) -> PauseWatch.Look {
        counter.lagged(now.nanoseconds &- due.nanoseconds)
        return pauses.woke(at: now, due: due, isEmpty: isEmpty)
    }

    /// The part behind them.
    @inline(__always)
    func endTick() {
        runTimers()
        let drain = goOnDraining()
        let services = runServices()
        flushDirty()
        if state.pointee.requestClock.left <= 0 { recordAnswered() }
        if state.pointee.memory.due != nil { lookAtMemory() }
        if state.pointee.handshakes.listenersWait { acceptAtFreeHandshakes() }
        closeRetired()
        if logsAccess { handOverAccess() }
        state.pointee.isBusy =
            !again.isEmpty || state.pointee.acceptsWait || !state.pointee.answers.isEmpty
            || hasTasks
        state.pointee.mayWait =
            drain == .done && services == .done && !state.pointee.isBusy && dirty.isEmpty
            && state.pointee.leaving.isEmpty
        state.pointee.isInTick = false
    }

    /// The drain is over: the worker ends.
    var isFinished: Bool {
        guard let drainDeadline else { return false }
        return connections.count == 0 || now >= drainDeadline
    }

    /// When the loop must turn again though nothing happens outside.
    var nextMoment: Instant? {
        // Where the worker has no thread, tasks are resumed between two ticks, too.
        if hasTasks { return now }
        var moment = timers.next
        if let due = state.pointee.servicesDue { moment = earlier(moment, due) }
        if acceptState == .paused { moment = earlier(moment, now.adding(milliseconds: 100)) }
        if let due = state.pointee.memory.due { moment = earlier(moment, due) }
        if let drainDeadline { moment = earlier(moment, drainDeadline) }
        if logsAccess, let due = accessLines?.due { moment = earlier(moment, due) }
        if state.pointee.handshakes.listenersWait, let ends = handshakeGraceEnds {
            moment = earlier(moment, ends)
        }
        return moment
    }

    private func earlier(_ first: Instant?, _ second: Instant) -> Instant {
        first.map { min($0, second) } ?? second
    }

    private func tickClock() {
        now = clock.monotonic
        tenth = UInt32(clamping: (now.nanoseconds - origin.nanoseconds) / 100_000_000)
        if now >= dateDue { refreshDate() }
    }

    /// Makes the `Date` of this second; due again when the next one begins.
    private func refreshDate() {
        let milliseconds = clock.wallMilliseconds
        let idleSeconds = Int(clamping: limits.idleMilliseconds / 1000)
        state.pointee.date = ResponseDate(
            secondsSince1970: Int(milliseconds / 1000),
            idleSeconds: idleSeconds > 0 ? idleSeconds : nil)
        dateDue = now.adding(milliseconds: UInt64(clamping: 1000 - milliseconds % 1000))
        state.pointee.requestClock.begin()
    }

    private func advanceReady() {
        state.pointee.handshakes.beginTick()
        state.pointee.leavesLeft = limits.tickLeavesMax
        // In a busy tick mail is looked for: its event may stand far behind those of a crowd.
        var hasMail = state.pointee.isBusy
        state.pointee.acceptsLeft = limits.tick.acceptsMax
        if hasMail { acceptMore() }
        budget.begin(at: now)
        for position in 0..<poller.count {
            let event = poller[position]
            if event.data == Self.mailboxData {
                hasMail = true
            } else if event.data == Self.alarmData {
                alarm.rang()
            } else if event.data >> 32 == 0 {
                accept(at: Int(event.data - Self.firstListenerData))
            } else if let connection = connections[Token(bits: event.data)] {
                if event.isReadable { connection.flags.insert(.mayRead) }
                if event.isHungUp, connection.isAwaited { peerLeft(connection, event) }
                if event.isHungUp, postponeIfCrowded(connection, event) != .now { continue }
                if event.isWritable, connection.flags.contains(.writeBlocked) {
                    becameWritable(connection)
                }
                // Who stands in line keeps the place. When the time is over the rest lines up.
                guard !connection.flags.contains(.again), mayBegin() else {
                    goOnNextTick(connection)
                    continue
                }
                advance(connection)
                sendEarly()
            }
        }
        if acceptState == .paused { resumeAccepting() }
        if hasMail { readMail() }
    }

    /// Batches that are looked at before deadlines are judged after a pause: 16,384 events.
    private static let unseenBatchesMax = 32

    /// Sees to what came while the process did not run, before any deadline is judged.
    private func advanceUnseen() throws(SystemError) {
        for _ in 0..<Self.unseenBatchesMax {
            try poller.wait(milliseconds: 0)
            guard poller.count > 0 else { return }
            advanceReady()
        }
    }

    /// Goes on with those who were cut off in an earlier tick or earlier in this one, in their
    /// order; at least with one.
    private func advanceAgain() {
        guard !again.isEmpty else { return state.pointee.handshakes.skipRound() }
        state.pointee.handshakes.beginRound()
        budget.begin(at: clock.monotonic)
        let round = again.count
        var position = 0
        while position < round, position == 0 || mayBegin() {
            let connection = again[position]
            position += 1
            connection.flags.remove(.again)
            if connection.flags.contains(.streams) { pump(connection) }
            // A drain may have been waiting for this one to become idle.
            drainDeadline == nil || connection.phase != .http
                ? advance(connection) : drainHTTP(connection)
            sendEarly()
        }
        again.removeFirst(position)
        state.pointee.handshakes.endRound(isComplete: position == round)
    }

    /// Lets services go on with what they have begun: those that said so, and all of them if
    /// anything happened in this tick that may concern one.
    private func runServices() -> Work {
        if let due = state.pointee.servicesDue, now >= due { state.pointee.servicesAwake = true }
        guard state.pointee.servicesAwake else { return .done }
        state.pointee.servicesAwake = false
        state.pointee.servicesDue = nil
        var work = Work.done
        for index in 0..<state.pointee.services.count {
            switch state.pointee.services[index].work(on: self) {
            case .done: break
            case .more: work = .more
            case .until(let moment):
                state.pointee.servicesDue = earlier(state.pointee.servicesDue, moment)
            }
        }
        if work == .more { state.pointee.servicesAwake = true }
        return work
    }
}
