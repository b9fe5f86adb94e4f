// The ledgers of a sync run: at which cursor each mutation was acknowledged, and at which it was
// pulled. Four bytes for each mutation and reader. Values only.

import MizuBytes

struct SyncFindings: Sendable {
    /// Number of the first pusher of this thread.
    let first: Int
    /// For each of its pushers: the cursor of each mutation, in order.
    private(set) var acknowledged: [[UInt32]]
    /// For each of its pullers, for each pusher of the run: the cursor of each mutation, 0 for one
    /// that has not come.
    private(set) var pulled: [[[UInt32]]]
    private var positions: [(Int, ByteSlice)?]
    var pushes = 0
    var pulls = 0
    var pullLatency = Histogram()
    /// Changes that listeners were told of, and pokes in their place.
    var deltas = 0
    var pokes = 0
    /// From a push, and from its answer, to the delta with its last change; 0 where the delta came
    /// first.
    var deltaLatency = Histogram()
    var deltaAfterAnswer = Histogram()
    /// Changes that others made.
    var foreign = 0

    init(first: Int, pushers: Int, all: Int, pullers: Int) {
        self.first = first
        acknowledged = Array(repeating: [], count: pushers)
        pulled = Array(repeating: Array(repeating: [], count: all), count: pullers)
        positions = Array(repeating: nil, count: pullers)
    }

    /// Mutations of a pusher that were acknowledged; the number of its next one.
    func pushed(by number: Int) -> Int { acknowledged[number - first].count }
    func lastCursor(of number: Int) -> Int { Int(acknowledged[number - first].last ?? 0) }

    mutating func acknowledge(_ cursor: Int, by number: Int) {
        acknowledged[number - first].append(UInt32(clamping: cursor))
    }

    /// - Returns: false if it came before.
    mutating func pull(_ cursor: Int, sequence: Int, of number: Int, by puller: Int) -> Bool {
        guard pulled[puller].indices.contains(number), sequence < 1 << 24 else { return false }
        let missing = sequence + 1 - pulled[puller][number].count
        if missing > 0 {
            pulled[puller][number].append(contentsOf: repeatElement(0, count: missing))
        }
        guard pulled[puller][number][sequence] == 0 else { return false }
        pulled[puller][number][sequence] = UInt32(clamping: cursor)
        return true
    }

    /// Where a puller goes on after its connection was opened again.
    func position(ofPuller puller: Int) -> (Int, ByteSlice)? { positions[puller] }
    mutating func note(position: (Int, ByteSlice), ofPuller puller: Int) {
        positions[puller] = position
    }

    /// What the ledgers of all threads disagree on.
    static func compare(_ all: [SyncFindings]) -> (faults: Faults, unacknowledged: Int) {
        var (faults, unacknowledged) = (Faults(), 0)
        for pulled in all.flatMap(\.pulled) {
            for findings in all {
                for (index, cursors) in findings.acknowledged.enumerated() {
                    let seen = pulled[findings.first + index]
                    for (sequence, cursor) in cursors.enumerated() {
                        let found = sequence < seen.count ? seen[sequence] : 0
                        if found == 0 {
                            faults.add(
                                Fault(.lost, "mutation \(sequence) of \(index) was not pulled"))
                        } else if found != cursor {
                            faults.add(
                                Fault(.wrong, "pushed at cursor \(cursor), pulled at \(found)"))
                        }
                    }
                    unacknowledged += seen.dropFirst(cursors.count).count { $0 > 0 }
                }
            }
        }
        return (faults, unacknowledged)
    }
}
