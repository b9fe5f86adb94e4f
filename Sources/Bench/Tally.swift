// What one thread has counted, to be added up with what others have. Values only.

import MizuBytes

public struct Tally: Sendable {
    /// Connections that were opened, and that had to be opened again because the server ended one
    /// in peace.
    public var opened = 0
    public var reopened = 0
    /// Exchanges, echoes or deliveries in the measured time.
    public var messages = 0
    public var receivedBytes = 0
    public var sentBytes = 0
    /// Nanoseconds of each of them.
    public var latency = Histogram()
    /// Answers by status code.
    public var statuses: [UInt16: Int] = [:]
    public var faults = Faults()

    public init() {}

    public mutating func merge(_ other: Tally) {
        opened += other.opened
        reopened += other.reopened
        messages += other.messages
        receivedBytes += other.receivedBytes
        sentBytes += other.sentBytes
        latency.merge(other.latency)
        statuses.merge(other.statuses) { $0 + $1 }
        faults.merge(other.faults)
    }
}

/// A peer's bytes for a line to a person: cut, with what is not visible ASCII as dots.
func excerpt(_ bytes: UnsafeRawBufferPointer, of count: Int = 80) -> String {
    let shown = bytes.prefix(count).map { 0x20...0x7E ~= $0 ? $0 : UInt8(ascii: ".") }
    let text = String(decoding: shown, as: UTF8.self)
    return bytes.count > count ? "'\(text)'… (\(bytes.count) bytes)" : "'\(text)'"
}
