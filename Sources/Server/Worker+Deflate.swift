// permessage-deflate on a worker's sockets (RFC 7692): what the handshake may agree to, which
// inflater reads a message, and messages for one socket alone. Within the memory that
// `DeflateMemory` states; a connection that idles owns none of it.

import MizuBytes
import MizuEventLoop
import MizuWebSocket

extension Worker {
    /// The largest window of a client that keeps it: 4 KB in an inflater of some 11.
    private static let clientWindowBitsMax = 12

    /// What the next handshake may agree to; nil where permessage-deflate is off.
    var deflatePolicy: DeflatePolicy? {
        guard let memory = server.configuration.deflate else { return nil }
        var policy = DeflatePolicy()
        policy.clientWindowBitsMax = Self.clientWindowBitsMax
        // The budget is for the largest: a client need not let us choose its window.
        let each = Inflater.memoryBytes(windowBits: DeflateParameters.windowBitsMax)
        let held = state.pointee.ownInflaters.count
        policy.clientContext =
            memory.clientWindowBytesMax / each > held ? .takenOver : .fresh
        return policy
    }

    func agree(on extensions: AgreedExtensions, _ connection: Connection) {
        connection.deflate = DeflateUse(extensions)
        guard case .deflate(let parameters) = extensions, parameters.client == .takenOver,
            let own = Inflater(
                windowBits: parameters.clientWindowBits, output: state.pointee.inflateOutput)
        else { return }
        state.pointee.ownInflaters[connection.token.index] = own
    }

    /// Gives back what the connection had of its own.
    func forgetDeflate(_ connection: Connection) {
        guard connection.deflate.peerKeepsWindow else { return }
        state.pointee.ownInflaters[connection.token.index] = nil
    }

    /// What reads the connection's compressed messages; nil where none can come.
    @inline(__always)
    func inflater(of connection: Connection) -> Inflater? {
        connection.deflate.isAgreed ? agreedInflater(of: connection) : nil
    }

    private func agreedInflater(of connection: Connection) -> Inflater? {
        if connection.deflate.peerKeepsWindow {
            // Where there was no memory for one there is none, and its messages are refused.
            return state.pointee.ownInflaters[connection.token.index]
        }
        if state.pointee.inflater == nil {
            state.pointee.inflater = Inflater(output: state.pointee.inflateOutput)
        }
        return state.pointee.inflater
    }

    /// Sends one message, compressed where the peer takes it and it gains something. Not for
    /// members of a group: what is for one alone goes to them as it is.
    public func send(
        compressed payload: UnsafeRawBufferPointer, as kind: MessageKind, to socket: Token
    ) {
        guard let connection = open(socket) else { return }
        let opcode: Opcode = kind == .text ? .text : .binary
        guard connection.deflate.isAgreed else { return send(opcode, payload, to: connection) }
        var isDone = false
        let compressors = state
        compose(for: connection) { output in
            isDone =
                connection.deflate.keepsWindow
                ? compressors.pointee.compressors.append(
                    opcode, payload, for: &connection.state.pointee.window, to: &output)
                : connection.deflate.fits(payload.count)
                    && compressors.pointee.compressors.appendAlone(opcode, payload, to: &output)
            if !isDone { FrameWriter.append(opcode, payload, to: &output) }
        }
        countMessage(connection)
    }

    /// Sends the message that the service is being told back to where it came from. What came
    /// compressed is not compressed once more: the same bytes go back, where the peer can read
    /// them.
    /// - Parameter payload: the message as the service got it.
    public func echo(_ payload: UnsafeRawBufferPointer, as kind: MessageKind, to socket: Token) {
        guard let compressed = state.pointee.compressedMessage else {
            return send(compressed: payload, as: kind, to: socket)
        }
        guard let connection = open(socket) else { return }
        let opcode: Opcode = kind == .text ? .text : .binary
        guard connection.deflate.reads(messageBytes: payload.count),
            state.pointee.compressors.mayStandAlone(connection.window)
        else { return send(opcode, payload, to: connection) }
        connection.window = .none
        compose(for: connection) {
            FrameWriter.append(opcode, compressed, to: &$0, coding: .deflated)
        }
        countMessage(connection)
    }
}
