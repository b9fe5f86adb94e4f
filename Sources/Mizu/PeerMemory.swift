// What peers may make the process hold while they do nothing wrong (MEMORY_LIMIT), as it was set
// and as it becomes limits of the server on a machine of a certain size.

import MizuServer

/// The share of the memory that requests, answers and sockets may take together
/// (`ServerLimits.memory`).
public enum PeerMemory: Sendable, Equatable {
    /// A quarter of the machine's or the control group's memory; see `MachineMemory`.
    case quarter
    case bytes(Int)
    case unlimited

    /// With less, one push and one snapshot do not fit beside each other.
    static let bytesMin = 8 << 20

    func apply(to limits: inout ServerLimits, machine: MachineMemory) {
        switch self {
        case .unlimited: return
        case .quarter:
            guard let bytes = machine.bytes else { return }
            limits.memory.bytesMax = max(Self.bytesMin, bytes / 4)
        case .bytes(let bytes): limits.memory.bytesMax = bytes
        }
        // Sockets' queues are a part of it, and not all.
        limits.queuedBytesMax = min(limits.queuedBytesMax, limits.memory.queuedBytesMax)
    }
}

extension SettingSyntax where Value == PeerMemory {
    static var peerMemory: SettingSyntax {
        let bytes = SettingSyntax<Int>.bytes(from: PeerMemory.bytesMin, bare: 20)
        let sizes = SettingSyntax(
            bytes.placeholder, expected: bytes.expected,
            read: { (text) throws(SettingComplaint) in PeerMemory.bytes(try bytes.read(text)) },
            write: { if case .bytes(let count) = $0 { bytes.write(count) } else { "" } })
        return .either("off", as: .unlimited, or: sizes)
    }
}
