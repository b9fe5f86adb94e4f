// How often somebody may guess. Failures count for the address, for the name that was tried
// (whether there is such an account or not) and, for a browser that has signed in to the account
// before, for that browser alone. The first few are free; then each waits twice as long as the one
// before, up to an end.
//
//   free ──too many failures──► waiting ──time──► one try ──fails──► waiting, twice as long
//     ▲                                              │
//     └────────────────────succeeds──────────────────┘
//
// An attacker who knows a name must not lock its owner out: the count of a name does not concern a
// browser that is known (SecretKeys signs its cookie), the waits have an end, and a reset by mail
// makes a browser known. A try is counted when it begins, so a thousand at once are a thousand; one
// that succeeds takes its count back. Each rule has a table of its own: what costs a stranger
// nothing, as to ask for mails to addresses that nobody has, must not push out what was counted of
// guesses at a name. In memory, of bounded size; a restart forgets. The clock is passed in. A
// value; its owner has a lock around it.

import MizuEventLoop

public struct SignInLimiter: Sendable {
    /// One kind of counter.
    public struct Rule: Sendable, Hashable {
        /// Failures without a wait.
        public var freeCount: Int
        /// The first wait; each further one is twice as long.
        public var firstMilliseconds: UInt64
        public var longestMilliseconds: UInt64
        /// After so long without a failure all is forgotten.
        public var forgottenMilliseconds: UInt64

        public init(
            freeCount: Int, firstMilliseconds: UInt64, longestMilliseconds: UInt64,
            forgottenMilliseconds: UInt64
        ) {
            self.freeCount = freeCount
            self.firstMilliseconds = firstMilliseconds
            self.longestMilliseconds = longestMilliseconds
            self.forgottenMilliseconds = forgottenMilliseconds
        }

        /// An address may be that of a whole office, so it gets more.
        public static let address = Rule(
            freeCount: 20, firstMilliseconds: 1_000, longestMilliseconds: 900_000,
            forgottenMilliseconds: 3_600_000)
        /// A /48 of IPv6 is what a site gets, and has 65,536 /64s: so many times what one of them
        /// has, as at the door (`AddressLimits.networkMultiple`).
        public static let network = Rule(
            freeCount: 160, firstMilliseconds: 1_000, longestMilliseconds: 900_000,
            forgottenMilliseconds: 3_600_000)
        public static let name = Rule(
            freeCount: 5, firstMilliseconds: 1_000, longestMilliseconds: 900_000,
            forgottenMilliseconds: 3_600_000)
        public static let device = Rule(
            freeCount: 5, firstMilliseconds: 1_000, longestMilliseconds: 60_000,
            forgottenMilliseconds: 900_000)
        /// Mails that are sent to somebody who has perhaps not asked for them.
        public static let mail = Rule(
            freeCount: 3, firstMilliseconds: 60_000, longestMilliseconds: 3_600_000,
            forgottenMilliseconds: 86_400_000)
    }

    /// Who is counted.
    public struct Subject: Sendable, Hashable {
        let key: UInt64
        let rule: Rule

        /// - Parameter key: well mixed bits that nobody outside can choose.
        public init(_ key: UInt64, _ rule: Rule) {
            self.key = key
            self.rule = rule
        }
    }

    private struct Count {
        var failures = 0
        /// No try before that.
        var blockedUntil = Instant(nanoseconds: 0)
        var forgottenAt = Instant(nanoseconds: 0)
    }

    private var tables: [Rule: [UInt64: Count]] = [:]
    private let countMax: Int

    /// - Parameter countMax: subjects of one rule that are kept; beyond it those that would be
    ///   forgotten first give way.
    public init(countMax: Int = 16_384) { self.countMax = max(16, countMax) }

    /// Begins a try: counts it as a failure of each subject, unless one of them has to wait, and
    /// then counts nothing.
    /// - Returns: nil if the try may go on, else the milliseconds to wait.
    public mutating func begin(_ subjects: [Subject], now: Instant) -> UInt64? {
        let wait = subjects.map { self.wait(of: $0, now: now) }.max() ?? 0
        guard wait == 0 else { return wait }
        for subject in subjects { fail(subject, now: now) }
        return nil
    }

    /// The try has succeeded: the name and the browser have no failures any more, and the address
    /// one less, so that whoever owns one account cannot guess at others for ever.
    public mutating func succeed(
        clearing cleared: [Subject], easing eased: [Subject]
    ) {
        for subject in cleared { self[subject] = nil }
        for subject in eased { ease(subject) }
    }

    /// The try was not one: nothing was compared (the server was busy).
    public mutating func cancel(_ subjects: [Subject]) {
        for subject in subjects { ease(subject) }
    }

    private mutating func ease(_ subject: Subject) {
        guard var count = self[subject] else { return }
        count.failures -= 1
        count.blockedUntil = Instant(nanoseconds: 0)
        self[subject] = count.failures > 0 ? count : nil
    }

    private subscript(subject: Subject) -> Count? {
        get { tables[subject.rule]?[subject.key] }
        set { tables[subject.rule, default: [:]][subject.key] = newValue }
    }

    private func wait(of subject: Subject, now: Instant) -> UInt64 {
        guard let count = self[subject], now < count.forgottenAt else { return 0 }
        // Rounded up: whoever waits so long may try.
        guard now < count.blockedUntil else { return 0 }
        return (count.blockedUntil.nanoseconds - now.nanoseconds - 1) / 1_000_000 + 1
    }

    private mutating func fail(_ subject: Subject, now: Instant) {
        let rule = subject.rule
        let known = self[subject]
        var count = known ?? Count()
        if now >= count.forgottenAt { count = Count() }
        count.failures = min(count.failures + 1, 1 << 20)
        let beyond = count.failures - rule.freeCount
        if beyond > 0 {
            // 2 to the 40th second is longer than any end.
            let factor = UInt64(1) << UInt64(min(beyond - 1, 40))
            let (wait, overflow) = rule.firstMilliseconds.multipliedReportingOverflow(by: factor)
            let longest = rule.longestMilliseconds
            count.blockedUntil = now.adding(milliseconds: overflow ? longest : min(wait, longest))
        }
        count.forgottenAt = max(
            now.adding(milliseconds: rule.forgottenMilliseconds), count.blockedUntil)
        if known == nil {
            Self.makeRoom(in: &tables[rule, default: [:]], for: countMax, now: now)
        }
        self[subject] = count
    }

    /// Drops from a full table what is forgotten, and if that is too little the quarter that would
    /// be forgotten first. O(subjects), once in thousands of failures.
    private static func makeRoom(
        in counts: inout [UInt64: Count], for countMax: Int, now: Instant
    ) {
        guard counts.count >= countMax else { return }
        counts = counts.filter { now < $0.value.forgottenAt }
        guard counts.count >= countMax else { return }
        let ends = counts.values.map(\.forgottenAt).sorted()
        let border = ends[ends.count / 4]
        counts = counts.filter { $0.value.forgottenAt > border }
        if counts.count >= countMax { counts.removeAll(keepingCapacity: true) }
    }

    /// Subjects that are kept; for tests.
    public var count: Int { tables.values.reduce(0) { $0 + $1.count } }
}
