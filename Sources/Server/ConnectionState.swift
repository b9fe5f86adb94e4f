// What a worker keeps of each connection, and how `Connection`, a pointer to it, shows that.
// A field more costs its bytes times the connections of a machine.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

struct ConnectionState {
    // In this order the fields take 120 bytes, and malloc makes 128 of them, 8 of which are its
    // own: each word lies at its border and small ones fill the gaps behind odd ones.
    let token: Token
    var input: LentBuffer?
    var incomplete: IncompleteRequest?
    var outbox = Outbox()
    var messages: MessageReader?
    /// Changed by `Worker.enter` alone.
    var phase = Connection.Phase.accepted
    var timer = ConnectionTimer()
    var service: UInt8 = 0
    var closing = CloseMachine()
    /// The client; where a PROXY header came, whom that names.
    var peer: PeerAddress
    /// What was agreed on of permessage-deflate.
    var deflate = DeflateUse.none
    var arrival: Connection.Arrival = []
    var flags: Connection.Flags = []
    let transport: Transport
    var exchangeSequence: UInt32 = 0
    var parser = RequestParser()

    /// Tenths of a second since the worker began: when a frame was last sent and received.
    var sentTenth: UInt32 = 0
    var receivedTenth: UInt32 = 0
    /// What the peer's inflater has seen of what we compress.
    var window = WindowPlace.none

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
    var input: LentBuffer? {
        @inline(__always) _read { yield state.pointee.input }
        @inline(__always) nonmutating _modify { yield &state.pointee.input }
    }
    var incomplete: IncompleteRequest? {
        @inline(__always) _read { yield state.pointee.incomplete }
        @inline(__always) nonmutating _modify { yield &state.pointee.incomplete }
    }
    /// Changed through `state.pointee`.
    var outbox: Outbox {
        @inline(__always) _read { yield state.pointee.outbox }
    }
    var messages: MessageReader? {
        @inline(__always) _read { yield state.pointee.messages }
        @inline(__always) nonmutating _modify { yield &state.pointee.messages }
    }
    @inline(__always) var phase: Phase { state.pointee.phase }
    @inline(__always) var timer: ConnectionTimer { state.pointee.timer }
    var service: UInt8 {
        @inline(__always) _read { yield state.pointee.service }
        @inline(__always) nonmutating _modify { yield &state.pointee.service }
    }
    var closing: CloseMachine {
        @inline(__always) _read { yield state.pointee.closing }
        @inline(__always) nonmutating _modify { yield &state.pointee.closing }
    }
    var peer: PeerAddress {
        @inline(__always) _read { yield state.pointee.peer }
        @inline(__always) nonmutating _modify { yield &state.pointee.peer }
    }
    var transport: Transport {
        @inline(__always) _read { yield state.pointee.transport }
    }
    var exchangeSequence: UInt32 {
        @inline(__always) _read { yield state.pointee.exchangeSequence }
        @inline(__always) nonmutating _modify { yield &state.pointee.exchangeSequence }
    }
    var parser: RequestParser {
        @inline(__always) _read { yield state.pointee.parser }
        @inline(__always) nonmutating _modify { yield &state.pointee.parser }
    }
    var sentTenth: UInt32 {
        @inline(__always) _read { yield state.pointee.sentTenth }
        @inline(__always) nonmutating _modify { yield &state.pointee.sentTenth }
    }
    var receivedTenth: UInt32 {
        @inline(__always) _read { yield state.pointee.receivedTenth }
        @inline(__always) nonmutating _modify { yield &state.pointee.receivedTenth }
    }
    var arrival: Arrival {
        @inline(__always) _read { yield state.pointee.arrival }
        @inline(__always) nonmutating _modify { yield &state.pointee.arrival }
    }
    var flags: Flags {
        @inline(__always) _read { yield state.pointee.flags }
        @inline(__always) nonmutating _modify { yield &state.pointee.flags }
    }
    var deflate: DeflateUse {
        @inline(__always) _read { yield state.pointee.deflate }
        @inline(__always) nonmutating _modify { yield &state.pointee.deflate }
    }
    var window: WindowPlace {
        @inline(__always) _read { yield state.pointee.window }
        @inline(__always) nonmutating _modify { yield &state.pointee.window }
    }
}
