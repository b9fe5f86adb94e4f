// What of a worker changes with every tick, in one block of memory behind a pointer. As stored
// properties of the class each change would be checked for exclusive access at run time, which cost
// a quarter of all instructions of a request; behind a pointer nothing is checked.
//
// Why that is sound: a worker is confined to its thread, so only re-entrance could overlap two
// accesses. Each access below lasts for one call of a method of the field's own type, none of which
// knows a worker; where a field is lent to code that might (`compose`), its contract forbids it.

import CLinux
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

struct WorkerState: ~Copyable {
    var now: Instant
    /// Tenths of a second since this worker began.
    var tenth: UInt32 = 0
    var poller: Poller
    var alarm: Alarm
    var listeners: [Listener]
    var reserve: Descriptor?
    var acceptState = AcceptState.open
    /// Connections that this tick still accepts, and whether there may be more of them.
    var acceptsLeft = 0
    var acceptsWait = false
    /// No descriptor is left.
    var exhaustion = LogEpisode()
    var connections = SlotTable<Connection>()
    var timers: TimerWheel
    var services: [any WebSocketService] = []
    /// Something happened in this tick that may give one of them work.
    var servicesAwake = true
    /// When the first of them wants to be called at the latest; nil: when something happens.
    var servicesDue: Instant?
    var deliveries: [Int: DeliveryWatch] = [:]
    /// By slot: those whose handlers answer later.
    var owed: [Int: OwedExchange] = [:]
    var problemLines = LineBudget()
    var names = RequestNames()
    var messageRates: [Int: TransferRate] = [:]
    var turnedAway = 0
    /// The route of the request that is answered next, as the router counts them; below 0: none.
    /// Whoever writes the answer takes it away.
    var route: Int32 = -1
    /// When the time of requests is measured next, and was last (WorkerCounters).
    var requestClock = RequestClock()
    /// The limit of connections is reached.
    var crowding = LogEpisode()
    var badProxyHeaders = LogEpisode()

    var readBuffer: ByteBuffer
    /// What this tick's connections send.
    var arena = OutputArena()
    var compressors: CompressorTable
    /// For messages whose windows end with them: all that agreed on permessage-deflate share it.
    var inflater: Inflater?
    /// While a service is told a message that came compressed: its payload as it came.
    var compressedMessage: UnsafeRawBufferPointer?
    /// By slot: those of connections whose clients keep their windows.
    var ownInflaters: [Int: Inflater] = [:]
    /// Of all of them: what a connection was told last does not stay with it.
    let inflateOutput = InflateOutput()
    var lastHead = LastHead()
    var gzip = GzipEncoder()
    /// Of the second that began last; see `dateDue`.
    var date = ResponseDate(secondsSince1970: 0)
    var dateDue: Instant

    var dirty = ConnectionList()
    var again = ConnectionList()
    /// Whose peers have gone, for later ticks; and how many this one still takes.
    var leaving = ConnectionList()
    var leavesLeft = 0
    var retired = ConnectionList()
    var mail: [WorkerMail] = []
    /// Answers of other threads that found no time in their tick.
    var answers: ContiguousArray<(exchange: ExchangeID, response: Response)> = []
    /// The last tick has left somebody to this one.
    var isBusy = false
    /// Whether the next wait may last until something happens.
    var mayWait = true
    /// A tick has begun and not ended.
    var isInTick = false
    var budget: TickBudget
    var expired: [Int] = []
    var drainDeadline: Instant?
    /// The first slot that has not been told of the drain.
    var drainNext: Int?
    /// Where certificates were given.
    var tls: TLSEngine?
    var handshakes: HandshakeGate
    /// Times in which the process did not run; see `runTimers`.
    var pauses: PauseWatch
    var memory = WorkerMemory()
    var streams = StreamTable()
    var tasks = WorkerTasks()

    enum AcceptState { case open, paused, stopped }

    init(
        poller: consuming Poller, alarm: consuming Alarm, listeners: [Listener], now: Instant,
        limits: ServerLimits, compressors: consuming CompressorTable
    ) {
        budget = TickBudget(limits.tick)
        handshakes = HandshakeGate(
            HandshakeGate.Limits(
                openMax: limits.workerHandshakesMax,
                graceMilliseconds: limits.handshakeGraceMilliseconds,
                tickStepsMax: limits.tickHandshakeStepsMax))
        self.compressors = compressors
        self.poller = poller
        self.alarm = alarm
        self.listeners = listeners
        self.now = now
        pauses = PauseWatch(now)
        dateDue = now
        timers = TimerWheel(now: now)
        readBuffer = ByteBuffer(capacity: limits.readBytesMax)
        reserve = Worker.openReserve()
    }
}

extension Worker {
    /// The time of this tick.
    public internal(set) var now: Instant {
        get { state.pointee.now }
        set { state.pointee.now = newValue }
    }
    /// Tenths of a second since this worker began.
    var tenth: UInt32 {
        @inline(__always) _read { yield state.pointee.tenth }
        @inline(__always) _modify { yield &state.pointee.tenth }
    }
    var poller: Poller {
        @inline(__always) _read { yield state.pointee.poller }
        @inline(__always) _modify { yield &state.pointee.poller }
    }
    var alarm: Alarm {
        @inline(__always) _read { yield state.pointee.alarm }
        @inline(__always) _modify { yield &state.pointee.alarm }
    }
    var listeners: [Listener] {
        @inline(__always) _read { yield state.pointee.listeners }
        @inline(__always) _modify { yield &state.pointee.listeners }
    }
    var reserve: Descriptor? {
        @inline(__always) _read { yield state.pointee.reserve }
        @inline(__always) _modify { yield &state.pointee.reserve }
    }
    var acceptState: WorkerState.AcceptState {
        @inline(__always) _read { yield state.pointee.acceptState }
        @inline(__always) _modify { yield &state.pointee.acceptState }
    }
    var connections: SlotTable<Connection> {
        @inline(__always) _read { yield state.pointee.connections }
        @inline(__always) _modify { yield &state.pointee.connections }
    }
    var timers: TimerWheel {
        @inline(__always) _read { yield state.pointee.timers }
        @inline(__always) _modify { yield &state.pointee.timers }
    }
    var services: [any WebSocketService] {
        @inline(__always) _read { yield state.pointee.services }
        @inline(__always) _modify { yield &state.pointee.services }
    }
    /// By slot: those whose peers must show that they take what they were sent.
    var deliveries: [Int: DeliveryWatch] {
        @inline(__always) _read { yield state.pointee.deliveries }
        @inline(__always) _modify { yield &state.pointee.deliveries }
    }
    /// By slot: WebSocket messages that are arriving.
    var messageRates: [Int: TransferRate] {
        @inline(__always) _read { yield state.pointee.messageRates }
        @inline(__always) _modify { yield &state.pointee.messageRates }
    }
    /// Connections that are only being told that they may not come in.
    var turnedAway: Int {
        @inline(__always) _read { yield state.pointee.turnedAway }
        @inline(__always) _modify { yield &state.pointee.turnedAway }
    }
    /// Lent to whichever connection is being read.
    var readBuffer: ByteBuffer {
        @inline(__always) _read { yield state.pointee.readBuffer }
        @inline(__always) _modify { yield &state.pointee.readBuffer }
    }
    /// The head that was parsed last.
    var head: RequestHead {
        @inline(__always) _read { yield state.pointee.lastHead.head.pointee }
    }
    var gzip: GzipEncoder {
        @inline(__always) _read { yield state.pointee.gzip }
        @inline(__always) _modify { yield &state.pointee.gzip }
    }
    var pauses: PauseWatch {
        @inline(__always) _read { yield state.pointee.pauses }
        @inline(__always) _modify { yield &state.pointee.pauses }
    }
    var dateDue: Instant {
        @inline(__always) _read { yield state.pointee.dateDue }
        @inline(__always) _modify { yield &state.pointee.dateDue }
    }
    var dirty: ConnectionList {
        @inline(__always) _read { yield state.pointee.dirty }
        @inline(__always) _modify { yield &state.pointee.dirty }
    }
    var again: ConnectionList {
        @inline(__always) _read { yield state.pointee.again }
        @inline(__always) _modify { yield &state.pointee.again }
    }
    /// Connections that ended in this tick.
    var retired: ConnectionList {
        @inline(__always) _read { yield state.pointee.retired }
        @inline(__always) _modify { yield &state.pointee.retired }
    }
    var mail: [WorkerMail] {
        @inline(__always) _read { yield state.pointee.mail }
        @inline(__always) _modify { yield &state.pointee.mail }
    }
    var expired: [Int] {
        @inline(__always) _read { yield state.pointee.expired }
        @inline(__always) _modify { yield &state.pointee.expired }
    }
    var drainDeadline: Instant? {
        @inline(__always) _read { yield state.pointee.drainDeadline }
        @inline(__always) _modify { yield &state.pointee.drainDeadline }
    }
}
