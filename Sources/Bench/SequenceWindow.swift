// Which of the numbered messages have come on one connection: in 24 bytes, whatever their count. It
// remembers the last 64 numbers one by one, as receivers of datagrams do against replays; what
// comes later than that counts as doubled.

/// Numbers from 0 upward, as they come.
struct SequenceWindow {
    /// One more than the highest number that came.
    private(set) var next = 0
    /// Different numbers that came.
    private(set) var received = 0
    /// Bit k: whether number `next - 1 - k` came.
    private var seen: UInt64 = 0

    enum Verdict: Equatable {
        /// The one that was due.
        case inOrder
        /// Numbers before it have not come.
        case ahead
        /// One of those.
        case late
        case doubled
    }

    /// Starts at `number` instead of 0.
    init(from number: Int = 0) { next = number }

    @inline(__always)
    mutating func note(_ number: Int) -> Verdict {
        if number == next {
            next += 1
            received += 1
            seen = seen << 1 | 1
            return .inOrder
        }
        return noteOutOfOrder(number)
    }

    private mutating func noteOutOfOrder(_ number: Int) -> Verdict {
        if number > next {
            let distance = number - next + 1
            seen = distance < 64 ? seen << UInt64(distance) | 1 : 1
            next = number + 1
            received += 1
            return .ahead
        }
        let back = next - 1 - number
        guard back < 64, seen >> UInt64(back) & 1 == 0 else { return .doubled }
        seen |= 1 << UInt64(back)
        received += 1
        return .late
    }
}
