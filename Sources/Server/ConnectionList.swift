// A worker's list of connections: who has output, who goes on in the next tick, who has ended. It
// is filled and emptied in every tick, so it is plain memory: nothing is counted or checked twice.

/// Connections in order. Grows, never shrinks: 8 bytes for each that was ever in it at once.
struct ConnectionList: ~Copyable {
    private var base: UnsafeMutablePointer<Connection>
    private var capacity = 64
    private(set) var count = 0

    init() { base = .allocate(capacity: capacity) }

    deinit { base.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// Traps outside `0..<count`.
    subscript(index: Int) -> Connection {
        precondition(index >= 0 && index < count, "ConnectionList: no element \(index)")
        return base[index]
    }

    @inline(__always)
    mutating func append(_ connection: Connection) {
        if count == capacity { grow() }
        (base + count).initialize(to: connection)
        count += 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Connection>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }

    mutating func removeAll() { count = 0 }

    /// Drops the first `dropped`.
    mutating func removeFirst(_ dropped: Int) {
        precondition(dropped <= count, "ConnectionList: fewer than \(dropped)")
        base.update(from: base + dropped, count: count - dropped)
        count -= dropped
    }

    /// Those that have not ended; for assertions.
    var openCount: Int {
        var open = 0
        for index in 0..<count where base[index].phase != .closed { open += 1 }
        return open
    }

    mutating func removeClosed() {
        var kept = 0
        for index in 0..<count where base[index].phase != .closed {
            base[kept] = base[index]
            kept += 1
        }
        count = kept
    }
}
