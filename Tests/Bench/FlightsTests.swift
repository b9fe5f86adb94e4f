// The pushes that a listener of `mizu bench sync` may still be told of.

import Testing

@testable import MizuBench

@Suite("Pushes that a listener may still be told of")
struct FlightsTests {
    @Test("a push is found by its last mutation")
    func byLast() {
        var flights = Flights()
        flights.push(first: 0, count: 10, at: 5)
        #expect(flights.flight(endingWith: 9)?.sentAt == 5)
        #expect(flights.flight(endingWith: 8) == nil)
        #expect(flights.flight(endingWith: 0) == nil)
    }

    @Test("the push before is known until the next but one")
    func previous() {
        var flights = Flights()
        flights.push(first: 0, count: 1, at: 1)
        flights.answered(at: 2)
        flights.push(first: 1, count: 1, at: 3)
        #expect(flights.flight(endingWith: 0)?.answeredAt == 2)
        #expect(flights.flight(endingWith: 1)?.answeredAt == 0)
        flights.push(first: 2, count: 1, at: 4)
        #expect(flights.flight(endingWith: 0) == nil)
    }

    @Test("nothing is found before the first push")
    func empty() {
        #expect(Flights().flight(endingWith: -1) == nil)
        #expect(Flights().flight(endingWith: 0) == nil)
    }
}
