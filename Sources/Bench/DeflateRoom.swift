// permessage-deflate for one thread: one compressor for all connections, because each of our
// messages stands alone (which RFC 7692 allows whatever was agreed on), and one decompressor for
// all whose server keeps no window; each other connection has its own.

import MizuBytes
import MizuWebSocket

final class DeflateRoom {
    private let deflater = Deflater()
    private let inflater = Inflater()
    private var compressed = ByteBuffer(capacity: 1024)

    /// What a connection needs after its handshake.
    struct Agreement {
        /// Whether what we send may be compressed.
        var compresses = false
        /// Nil if nothing is compressed.
        var inflater: Inflater?
        /// Whether the server's messages stand alone: then the same bytes are the same message.
        var standsAlone = true
    }

    /// - Returns: nil if memory is short.
    func agree(_ extensions: AgreedExtensions) -> Agreement? {
        guard case .deflate(let parameters) = extensions else { return Agreement() }
        let standsAlone = parameters.server == .fresh
        let own = standsAlone ? inflater : Inflater(windowBits: parameters.serverWindowBits)
        guard let own, deflater != nil else { return nil }
        // Ours has a window of a fixed size; a server that wants a smaller one gets plain messages.
        return Agreement(
            compresses: parameters.clientWindowBits >= Deflater.windowBits, inflater: own,
            standsAlone: standsAlone)
    }

    /// The message as it goes out; valid until the next call. Nil if zlib refuses.
    func deflate(_ message: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        compressed.removeAll()
        guard let deflater, deflater.deflate(message, context: .fresh, into: &compressed) else {
            return nil
        }
        return compressed.readable
    }
}
