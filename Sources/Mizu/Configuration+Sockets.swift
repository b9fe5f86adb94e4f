// The settings of what WebSockets may cost in memory. Rows of the one table in Configuration.swift.

import MizuServer

/// What sockets may hold.
public struct SocketMemory: Sendable {
    /// MiB of each worker for compressing with a kept window (`DeflateMemory`); nil: no
    /// permessage-deflate at all.
    public var deflateMebibytes: Int? = 4
    /// MiB that wait for all sockets together (`ServerLimits.queuedBytesMax`).
    public var queuedMebibytes = 128

    public init() {}

    func apply(to server: inout ServerConfiguration) {
        server.limits.queuedBytesMax = queuedMebibytes << 20
        server.deflate = deflateMebibytes.map { mebibytes in
            var memory = DeflateMemory()
            memory.compressorBytesMax = mebibytes << 20
            return memory
        }
    }
}

extension Configuration {
    static let socketSettings: [Setting] = [
        Setting(
            name: "DEFLATE_MEMORY", fallback: "4",
            help: "MiB of each worker for compressing WebSocket messages with a kept window; "
                + "off: no permessage-deflate"
        ) { configuration, text in
            if text == "off" {
                configuration.sockets.deflateMebibytes = nil
                return nil
            }
            guard let count = Int(text), (0...1024).contains(count) else {
                return "write MiB from 0 to 1024, or off"
            }
            configuration.sockets.deflateMebibytes = count
            return nil
        },
        Setting(
            name: "QUEUE_MEMORY", fallback: "128",
            help: "MiB that may wait for all sockets together; beyond it those who do not read get "
                + "pokes in place of changes"
        ) { configuration, text in
            guard let count = Int(text), (1...1_048_576).contains(count) else {
                return "write MiB from 1 to 1048576"
            }
            configuration.sockets.queuedMebibytes = count
            return nil
        },
    ]
}
