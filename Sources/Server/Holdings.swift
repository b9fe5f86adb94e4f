// What each of a worker's connections holds of what its peer sent or does not take, by slot. Only
// those that hold something are here, one behind the other, so that looking for the largest is a
// walk through plain memory. Pure; the clock is passed in. It knows no connection and no limit.

import MizuEventLoop

struct Holdings {
    /// Bytes in which an address is charged; less than one step of a connection is not.
    static let stepBytes = 16 * 1024
    /// Entries that one search looks at; the next one goes on behind them.
    static let searchMax = 8_192

    private struct Entry {
        let slot: Int
        var bytes: Int
        /// Since it holds something without a break.
        let since: Instant
    }

    private var entries: ContiguousArray<Entry> = []
    private var places: [Int: Int] = [:]
    private var searched = 0
    private(set) var bytes = 0

    var count: Int { entries.count }

    /// What a change changes of the sums.
    struct Change: Equatable {
        var bytes = 0
        /// In whole steps, as the address is charged.
        var steppedBytes = 0
        /// 1 where it begins to hold something, -1 where it ends to.
        var holders = 0
    }

    func bytes(of slot: Int) -> Int { places[slot].map { entries[$0].bytes } ?? 0 }

    /// What an address is charged for a connection that holds `bytes`.
    static func stepped(_ bytes: Int) -> Int { bytes / stepBytes * stepBytes }

    mutating func set(_ slot: Int, to held: Int, now: Instant) -> Change {
        guard let place = places[slot] else {
            guard held > 0 else { return Change() }
            places[slot] = entries.count
            entries.append(Entry(slot: slot, bytes: held, since: now))
            bytes += held
            return Change(bytes: held, steppedBytes: Self.stepped(held), holders: 1)
        }
        let before = entries[place].bytes
        bytes += held - before
        if held > 0 { entries[place].bytes = held } else { remove(slot, at: place) }
        return Change(
            bytes: held - before, steppedBytes: Self.stepped(held) - Self.stepped(before),
            holders: held > 0 ? 0 : -1)
    }

    private mutating func remove(_ slot: Int, at place: Int) {
        places[slot] = nil
        guard let last = entries.popLast(), last.slot != slot else { return }
        entries[place] = last
        places[last.slot] = place
    }

    /// The slots of those who weigh the most, the worst first: bytes times the seconds for which
    /// something is held. So a large body that comes fast weighs less than one that is dripped.
    /// - Parameters:
    ///   - bytesMin: who holds less is passed over, for however long it does.
    ///   - mayEnd: whether to end the connection would free anything.
    mutating func worst(
        _ countMax: Int, holding bytesMin: Int, now: Instant, where mayEnd: (Int) -> Bool
    ) -> [Int] {
        var found: [(slot: Int, weight: Double)] = []
        let looks = min(entries.count, Self.searchMax)
        for _ in 0..<looks {
            searched = searched + 1 < entries.count ? searched + 1 : 0
            let entry = entries[searched]
            guard entry.bytes >= bytesMin else { continue }
            let seconds = Double(now.milliseconds(since: entry.since)) / 1_000
            let weight = Double(entry.bytes) * (1 + seconds)
            if found.count == countMax, let last = found.last, weight <= last.weight { continue }
            guard mayEnd(entry.slot) else { continue }
            if found.count == countMax { found.removeLast() }
            let place = found.firstIndex { $0.weight < weight } ?? found.count
            found.insert((entry.slot, weight), at: place)
        }
        return found.map(\.slot)
    }
}
