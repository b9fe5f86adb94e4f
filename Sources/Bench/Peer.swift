// One connection of the load, as the loop and the conversation see it: its socket, what has come of
// a message that is not whole, and the state that the conversation keeps for it. One thread.

import MizuBytes
import MizuEventLoop
import MizuTransport
import MizuWebSocket

final class Peer<State> {
    let token: Token
    /// Number among the run's connections, from 0; a connection that is opened again keeps it.
    let number: Int
    let socket: ClientSocket
    var phase: Phase
    /// What the conversation still needs before the load begins, as it says itself.
    var isReady = false
    /// The conversation wants no more of this connection: it is closed, and another one opened in
    /// its place.
    var isSpent = false
    /// The beginning of a message whose end has not come.
    var held = ByteBuffer(capacity: 1)
    var reader = MessageReader(role: .client)
    var deflate = DeflateRoom.Agreement()
    var state: State

    enum Phase {
        /// The kernel connects.
        case connecting
        /// The TLS handshake is under way.
        case securing
        /// The request to upgrade is out.
        case upgrading(ClientHandshake)
        case open
        /// Gone from the loop; events that still name it mean nothing.
        case closed
    }

    init(token: Token, number: Int, socket: ClientSocket, state: State) {
        self.token = token
        self.number = number
        self.socket = socket
        self.state = state
        phase = .connecting
    }

    var isOpen: Bool {
        if case .open = phase { return true }
        return false
    }
}
