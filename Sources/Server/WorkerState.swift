// What of a worker changes with every tick, in one block of memory behind a pointer. As stored
// properties of the class each change would be checked for exclusive access at run time, which cost
// a quarter of all instructions of a request; behind a pointer nothing is checked.
//
// Why that is sound: a worker is confined to its thread, so only re-entrance could overlap two
// accesses. Each access below lasts for one call of a method of the field's own type, none of which
// knows a worker; where a field is lent to code that might (`compose`), its contract forbids it.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport

struct WorkerState: ~Copyable {
    var now: Instant
    /// Tenths of a second since this worker began.
    var tenth: UInt32 = 0
    var poller: Poller
    var listeners: [Listener]
    var reserve: Descriptor?
    var acceptState = AcceptState.open
    var exhaustionLogged: Instant?
    var connections = SlotTable<Connection>()
    var timers: TimerWheel
    var services: [any WebSocketService] = []

    var readBuffer: ByteBuffer
    var arena: ByteBuffer
    var head = RequestHead()
    var gzip = GzipEncoder()
    var dateBytes: [UInt8] = []
    var dateDue: Instant

    var dirty = ConnectionList()
    var again = ConnectionList()
    var retired = ConnectionList()
    var mail: [WorkerMail] = []
    var expired: [Int] = []
    var drainDeadline: Instant?

    enum AcceptState { case open, paused, stopped }

    init(poller: consuming Poller, listeners: [Listener], now: Instant, readBytesMax: Int) {
        self.poller = poller
        self.listeners = listeners
        self.now = now
        dateDue = now
        timers = TimerWheel(now: now)
        readBuffer = ByteBuffer(capacity: readBytesMax)
        arena = ByteBuffer(capacity: 64 * 1024)
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
    @inline(__always) var tenth: UInt32 {
        _read { yield state.pointee.tenth }
        _modify { yield &state.pointee.tenth }
    }
    @inline(__always) var poller: Poller {
        _read { yield state.pointee.poller }
        _modify { yield &state.pointee.poller }
    }
    @inline(__always) var listeners: [Listener] {
        _read { yield state.pointee.listeners }
        _modify { yield &state.pointee.listeners }
    }
    @inline(__always) var reserve: Descriptor? {
        _read { yield state.pointee.reserve }
        _modify { yield &state.pointee.reserve }
    }
    @inline(__always) var acceptState: WorkerState.AcceptState {
        _read { yield state.pointee.acceptState }
        _modify { yield &state.pointee.acceptState }
    }
    @inline(__always) var exhaustionLogged: Instant? {
        _read { yield state.pointee.exhaustionLogged }
        _modify { yield &state.pointee.exhaustionLogged }
    }
    @inline(__always) var connections: SlotTable<Connection> {
        _read { yield state.pointee.connections }
        _modify { yield &state.pointee.connections }
    }
    @inline(__always) var timers: TimerWheel {
        _read { yield state.pointee.timers }
        _modify { yield &state.pointee.timers }
    }
    @inline(__always) var services: [any WebSocketService] {
        _read { yield state.pointee.services }
        _modify { yield &state.pointee.services }
    }
    /// Lent to whichever connection is being read.
    @inline(__always) var readBuffer: ByteBuffer {
        _read { yield state.pointee.readBuffer }
        _modify { yield &state.pointee.readBuffer }
    }
    /// What this tick's connections send, one after the other.
    @inline(__always) var arena: ByteBuffer {
        _read { yield state.pointee.arena }
        _modify { yield &state.pointee.arena }
    }
    @inline(__always) var head: RequestHead {
        _read { yield state.pointee.head }
        _modify { yield &state.pointee.head }
    }
    @inline(__always) var gzip: GzipEncoder {
        _read { yield state.pointee.gzip }
        _modify { yield &state.pointee.gzip }
    }
    @inline(__always) var dateBytes: [UInt8] {
        _read { yield state.pointee.dateBytes }
        _modify { yield &state.pointee.dateBytes }
    }
    @inline(__always) var dateDue: Instant {
        _read { yield state.pointee.dateDue }
        _modify { yield &state.pointee.dateDue }
    }
    @inline(__always) var dirty: ConnectionList {
        _read { yield state.pointee.dirty }
        _modify { yield &state.pointee.dirty }
    }
    @inline(__always) var again: ConnectionList {
        _read { yield state.pointee.again }
        _modify { yield &state.pointee.again }
    }
    /// Connections that ended in this tick.
    @inline(__always) var retired: ConnectionList {
        _read { yield state.pointee.retired }
        _modify { yield &state.pointee.retired }
    }
    @inline(__always) var mail: [WorkerMail] {
        _read { yield state.pointee.mail }
        _modify { yield &state.pointee.mail }
    }
    @inline(__always) var expired: [Int] {
        _read { yield state.pointee.expired }
        _modify { yield &state.pointee.expired }
    }
    @inline(__always) var drainDeadline: Instant? {
        _read { yield state.pointee.drainDeadline }
        _modify { yield &state.pointee.drainDeadline }
    }
}
