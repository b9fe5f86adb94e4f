// A message for many sockets: framed once, by whoever publishes it, and shared by all workers. What
// a worker makes of it for those who agreed on permessage-deflate is a `Broadcast`.

import MizuBytes
import MizuWebSocket

/// One message as an unmasked frame. Any thread.
public struct Publication: Sendable {
    /// The frame as it goes to those without compression.
    public let frame: ByteSlice
    private let headerBytes: Int

    /// Frames `payload`, which is copied; text must be UTF-8. O(n).
    /// - Parameter ledger: where the frame's memory is counted (`Workers.queued`).
    public init(
        text payload: UnsafeRawBufferPointer, charging ledger: ByteLedger
    ) {
        var buffer = ByteBuffer(capacity: payload.count + WebSocketLimits.headerBytesMax)
        FrameWriter.append(.text, payload, to: &buffer)
        headerBytes = buffer.count - payload.count
        frame = buffer.takeSlice(leaving: 1, charging: ledger)
    }

    /// The same for a slice.
    public init(text payload: ByteSlice, charging ledger: ByteLedger) {
        self = payload.withUnsafeBytes { Publication(text: $0, charging: ledger) }
    }

    /// The message itself.
    var payload: ByteSlice { frame[headerBytes..<frame.count] }
}
