// When a replica is asked and when it is left alone, as a value: no clock, no thread, no
// connection. What does not answer rests, twice as long each time, and then one read tries it for
// all; what is behind again and again rests for a moment. It does not know what a read is.
//
//   open ──failed──► resting ──time──► one tries ──worked──► open
//                       ▲                  └─failed─┘

struct ReplicaGate: Sendable {
    enum Admission: Sendable { case open, trial, resting }

    private(set) var failures = 0
    /// Reads since one was answered that found it behind.
    private var behinds = 0
    private var restsUntil: Int64?
    private var isTried = false

    static let restMilliseconds: Int64 = 250
    static let restMillisecondsMax: Int64 = 30_000
    /// A replica that is behind rests after that many reads in vain, for `restMilliseconds`.
    static let behindsMax = 8

    /// Lets a read in, or not. After a `trial` one of the others must be called.
    mutating func enter(atMilliseconds now: Int64) -> Admission {
        guard let restsUntil else { return .open }
        guard now >= restsUntil, !isTried else { return .resting }
        isTried = true
        return .trial
    }

    /// It has answered.
    mutating func worked() {
        self = ReplicaGate()
    }

    /// It has not, or is not what it should be.
    /// - Parameter chance: between 0 and 1: how much of the random half of the rest is taken.
    mutating func failed(atMilliseconds now: Int64, chance: Double) {
        failures = min(failures + 1, 16)
        let whole = min(Self.restMilliseconds << Int64(failures - 1), Self.restMillisecondsMax)
        rest(until: now + whole / 2 + Int64(Double(whole / 2) * min(max(chance, 0), 1)))
    }

    /// It has answered, and not what was asked for.
    mutating func isBehind(atMilliseconds now: Int64) {
        let wasTried = isTried
        failures = 0
        behinds = min(behinds + 1, Self.behindsMax)
        if behinds == Self.behindsMax {
            rest(until: now + Self.restMilliseconds)
        } else if wasTried {
            (restsUntil, isTried) = (nil, false)
        }
    }

    private mutating func rest(until end: Int64) {
        restsUntil = end
        isTried = false
    }
}
