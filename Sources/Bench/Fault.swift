// Faults by kind: all are counted, the first of each kind is kept in words. Any of them makes the
// run a failure.

/// One thing that a server, or the way to it, did wrong.
public struct Fault: Error, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case connect, tls, upgrade, timeout
        /// The connection ended although something was to come.
        case closed
        /// Bytes that are not HTTP, WebSocket or JSON.
        case malformed
        /// Another answer than the one that was due.
        case wrong
        case status, refused
        case lost, doubled, disordered
    }

    public let kind: Kind
    public let text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}

/// Faults by kind.
public struct Faults: Sendable {
    public private(set) var counts = [Int](repeating: 0, count: Fault.Kind.allCases.count)
    private var texts = [String?](repeating: nil, count: Fault.Kind.allCases.count)

    public init() {}

    public var total: Int { counts.reduce(0, +) }

    public mutating func add(_ fault: Fault, times: Int = 1) {
        guard times > 0, let index = Fault.Kind.allCases.firstIndex(of: fault.kind) else { return }
        counts[index] += times
        if texts[index] == nil { texts[index] = fault.text }
    }

    public mutating func merge(_ other: Faults) {
        for index in counts.indices {
            counts[index] += other.counts[index]
            if texts[index] == nil { texts[index] = other.texts[index] }
        }
    }

    public subscript(kind: Fault.Kind) -> Int {
        Fault.Kind.allCases.firstIndex(of: kind).map { counts[$0] } ?? 0
    }

    /// Each kind that was seen: how often, and the first in words.
    public var seen: [(kind: Fault.Kind, count: Int, first: String)] {
        Fault.Kind.allCases.enumerated().compactMap { index, kind in
            counts[index] > 0 ? (kind, counts[index], texts[index] ?? "") : nil
        }
    }
}
