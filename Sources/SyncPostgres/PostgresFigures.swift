// What the connections of a database have done so far, all together: for metrics, and nothing
// decides by it. A few additions beside a round trip to a server; any thread.

import Synchronization

public final class PostgresFigures: Sendable {
    private let trips = Atomic<Int>(0)
    private let waited = Atomic<Int>(0)
    private let opened = Atomic<Int>(0)
    private let broken = Atomic<Int>(0)

    init() {}

    /// Pipelines whose answers were waited for.
    public var roundTrips: Int { trips.load(ordering: .relaxed) }
    /// How long, in nanoseconds: the network, the server, and locks that it waited for.
    public var waitedNanoseconds: Int { waited.load(ordering: .relaxed) }
    /// Connections that were made; the first ones and those in place of broken ones.
    public var openings: Int { opened.load(ordering: .relaxed) }
    /// Connections that broke or answered too late, and attempts that made none.
    public var breaks: Int { broken.load(ordering: .relaxed) }

    func waited(nanoseconds: Int) {
        trips.wrappingAdd(1, ordering: .relaxed)
        waited.wrappingAdd(nanoseconds, ordering: .relaxed)
    }

    func connected() { opened.wrappingAdd(1, ordering: .relaxed) }
    func broke() { broken.wrappingAdd(1, ordering: .relaxed) }
}
