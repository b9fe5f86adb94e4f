// What a worker keeps of each connection, and how `Connection`, a pointer to it, shows that.
// A field more costs its bytes times the connections of a machine.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

struct ConnectionState {
    // In this order the fields take 104 bytes, and malloc makes 112 of them: each word lies at its
    // border and small ones fill the gaps behind odd ones.
    let token: Token
    var input: LentBuffer?
    var incomplete: IncompleteRequest?
    var queue: SendQueue?
    var messages: MessageReader?
    var phase = Connection.Phase.http
    var deadline = Connection.Deadline.none
    var service: UInt8 = 0
    var closing = CloseMachine()
    let peer: PeerAddress
    /// A request that was handed to a handler which answers later; `exchangeSequence` names it.
    var awaited: AwaitedExchange?
    let transport: Transport
    var exchangeSequence: UInt32 = 0
    var parser = RequestParser()

    /// The part of the worker's output arena that is this connection's, in this tick.
    var arenaStart: Int32 = 0
    var arenaCount: Int32 = 0

    /// Tenths of a second since the worker began: when a frame was last sent and received.
    var sentTenth: UInt32 = 0
    var receivedTenth: UInt32 = 0
    var flags: Connection.Flags = []
    /// WebSocket messages in the arena part; does not count beyond what it holds.
    var arenaMessages: UInt16 = 0

    init(token: Token, transport: Transport, peer: PeerAddress) {
        self.token = token
        self.transport = transport
        self.peer = peer
    }
}

// What `connection.phase` stands for. Written out, because a subscript by key path is not always
// turned into a load.
extension Connection {
    @inline(__always) var token: Token { state.pointee.token }
    @inline(__always) var input: LentBuffer? {
        _read { yield state.pointee.input }
        nonmutating _modify { yield &state.pointee.input }
    }
    @inline(__always) var incomplete: IncompleteRequest? {
        _read { yield state.pointee.incomplete }
        nonmutating _modify { yield &state.pointee.incomplete }
    }
    @inline(__always) var queue: SendQueue? {
        _read { yield state.pointee.queue }
        nonmutating _modify { yield &state.pointee.queue }
    }
    @inline(__always) var messages: MessageReader? {
        _read { yield state.pointee.messages }
        nonmutating _modify { yield &state.pointee.messages }
    }
    @inline(__always) var phase: Phase {
        _read { yield state.pointee.phase }
        nonmutating _modify { yield &state.pointee.phase }
    }
    @inline(__always) var deadline: Deadline {
        _read { yield state.pointee.deadline }
        nonmutating _modify { yield &state.pointee.deadline }
    }
    @inline(__always) var service: UInt8 {
        _read { yield state.pointee.service }
        nonmutating _modify { yield &state.pointee.service }
    }
    @inline(__always) var closing: CloseMachine {
        _read { yield state.pointee.closing }
        nonmutating _modify { yield &state.pointee.closing }
    }
    @inline(__always) var peer: PeerAddress { state.pointee.peer }
    @inline(__always) var awaited: AwaitedExchange? {
        _read { yield state.pointee.awaited }
        nonmutating _modify { yield &state.pointee.awaited }
    }
    @inline(__always) var transport: Transport { state.pointee.transport }
    @inline(__always) var exchangeSequence: UInt32 {
        _read { yield state.pointee.exchangeSequence }
        nonmutating _modify { yield &state.pointee.exchangeSequence }
    }
    @inline(__always) var parser: RequestParser {
        _read { yield state.pointee.parser }
        nonmutating _modify { yield &state.pointee.parser }
    }
    @inline(__always) var arenaStart: Int32 {
        _read { yield state.pointee.arenaStart }
        nonmutating _modify { yield &state.pointee.arenaStart }
    }
    @inline(__always) var arenaCount: Int32 {
        _read { yield state.pointee.arenaCount }
        nonmutating _modify { yield &state.pointee.arenaCount }
    }
    @inline(__always) var sentTenth: UInt32 {
        _read { yield state.pointee.sentTenth }
        nonmutating _modify { yield &state.pointee.sentTenth }
    }
    @inline(__always) var receivedTenth: UInt32 {
        _read { yield state.pointee.receivedTenth }
        nonmutating _modify { yield &state.pointee.receivedTenth }
    }
    @inline(__always) var flags: Flags {
        _read { yield state.pointee.flags }
        nonmutating _modify { yield &state.pointee.flags }
    }
    @inline(__always) var arenaMessages: UInt16 {
        _read { yield state.pointee.arenaMessages }
        nonmutating _modify { yield &state.pointee.arenaMessages }
    }
}
