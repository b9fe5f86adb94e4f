// When a replica is asked and when it is left alone, moment by moment.

#if Postgres
    import Testing

    @testable import MizuSyncPostgres

    @Suite("The gate of a replica")
    struct ReplicaGateTests {
        @Test("after a failure it rests, then one read tries it, and lets all in if it works")
        func failures() {
            var gate = ReplicaGate()
            #expect(gate.enter(atMilliseconds: 0) == .open)
            gate.failed(atMilliseconds: 0, chance: 1)
            let rest = ReplicaGate.restMilliseconds
            #expect(gate.enter(atMilliseconds: rest - 1) == .resting)
            #expect(gate.enter(atMilliseconds: rest) == .trial)
            // The others do not wait for it.
            #expect(gate.enter(atMilliseconds: rest) == .resting)
            gate.failed(atMilliseconds: rest, chance: 1)
            #expect(gate.enter(atMilliseconds: 3 * rest - 1) == .resting)
            #expect(gate.enter(atMilliseconds: 3 * rest) == .trial)
            gate.worked()
            #expect(gate.enter(atMilliseconds: 3 * rest) == .open)
            #expect(gate.failures == 0)
        }

        @Test("a rest has an end, however often it failed, and at least half of it is sure")
        func bounds() {
            var gate = ReplicaGate()
            var now: Int64 = 0
            for _ in 0..<100 {
                gate.failed(atMilliseconds: now, chance: 7)
                now += ReplicaGate.restMillisecondsMax
                #expect(gate.enter(atMilliseconds: now) == .trial)
            }
            gate.failed(atMilliseconds: now, chance: 0)
            now += ReplicaGate.restMillisecondsMax / 2
            #expect(gate.enter(atMilliseconds: now - 1) == .resting)
            #expect(gate.enter(atMilliseconds: now) == .trial)
        }

        @Test("one that is behind is asked on, but not always in vain")
        func behind() {
            var gate = ReplicaGate()
            for _ in 1..<ReplicaGate.behindsMax {
                gate.isBehind(atMilliseconds: 0)
                #expect(gate.enter(atMilliseconds: 0) == .open)
            }
            gate.isBehind(atMilliseconds: 0)
            #expect(gate.enter(atMilliseconds: 0) == .resting)
            let rest = ReplicaGate.restMilliseconds
            #expect(gate.enter(atMilliseconds: rest) == .trial)
            gate.isBehind(atMilliseconds: rest)
            #expect(gate.enter(atMilliseconds: rest) == .resting)
            #expect(gate.enter(atMilliseconds: 2 * rest) == .trial)
            gate.worked()
            #expect(gate.enter(atMilliseconds: 2 * rest) == .open)
        }

        @Test("a failure ends, and being behind is another matter")
        func both() {
            var gate = ReplicaGate()
            gate.failed(atMilliseconds: 0, chance: 1)
            #expect(gate.enter(atMilliseconds: ReplicaGate.restMilliseconds) == .trial)
            gate.isBehind(atMilliseconds: ReplicaGate.restMilliseconds)
            #expect(gate.enter(atMilliseconds: ReplicaGate.restMilliseconds) == .open)
        }
    }
#endif
