// The settings of what peers may cost while they do nothing wrong: how much the process holds for
// them, and how long a connection idles. Rows of the one table in Configuration.swift.

import MizuServer

/// What peers are allowed.
public struct PeerAllowance: Sendable, Equatable {
    public enum Memory: Sendable, Equatable {
        /// A quarter of what there is; see `MachineMemory`.
        case quarter
        case bytes(Int)
        case unlimited
    }

    /// What they may make the process hold (`ServerLimits.memory`).
    public var memory = Memory.quarter
    /// How long a connection may idle between two requests.
    public var idleMilliseconds: UInt64 = 75_000

    public init() {}

    func apply(to limits: inout ServerLimits, machine: MachineMemory) {
        limits.idleMilliseconds = idleMilliseconds
        switch memory {
        case .unlimited: return
        case .quarter:
            guard let bytes = machine.bytes else { return }
            limits.memory.bytesMax = max(Self.bytesMin, bytes / 4)
        case .bytes(let bytes): limits.memory.bytesMax = bytes
        }
        // Sockets' queues are a part of it, and not all.
        limits.queuedBytesMax = min(limits.queuedBytesMax, limits.memory.queuedBytesMax)
    }

    /// With less not even one push and one snapshot fit beside each other.
    static let bytesMin = 8 << 20
}

extension Configuration {
    static let peerSettings: [Setting] = [
        Setting(
            name: "MEMORY_LIMIT", fallback: "a quarter",
            help: "What peers may make the server hold, in MiB, or as 512K, 64M, 2G; by itself a "
                + "quarter of the machine's or the container's memory; off: any amount"
        ) { configuration, text in
            if text == "off" {
                configuration.peers.memory = .unlimited
                return nil
            }
            guard let bytes = parseBytes(text, bare: 20), bytes >= PeerAllowance.bytesMin else {
                return "write MiB from 8, or a number with K, M or G behind it, or off"
            }
            configuration.peers.memory = .bytes(bytes)
            return nil
        },
        Setting(
            name: "IDLE_TIMEOUT", fallback: "75",
            help: "Seconds that a connection may idle between two requests; more than a balancer's"
        ) { configuration, text in
            guard let milliseconds = parseSeconds(text, max: 86_400), milliseconds >= 100 else {
                return "write seconds from 0.1 to 86400"
            }
            configuration.peers.idleMilliseconds = UInt64(milliseconds)
            return nil
        },
    ]
}
