// A process that stood still for a while judges nobody by that: the machine as a table, then a
// worker on the loopback that takes no tick for longer than its deadlines.

import MizuBytes
import MizuEventLoop
import Testing

@testable import MizuServer

@Suite("Pauses of the process")
struct PauseWatchTests {
    private static func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: 1_000_000 + milliseconds)
    }

    struct Row: Sendable {
        let name: String
        let due: UInt64?
        let now: UInt64
        var isEmpty = false
        let look: PauseWatch.Look
        /// Until when deadlines are put off, behind `now`.
        var grace: UInt64?
    }

    static let rows: [Row] = [
        Row(name: "an event before the deadline", due: 500, now: 100, look: .enough),
        Row(name: "on time", due: 500, now: 501, look: .enough),
        Row(name: "a slow tick", due: 500, now: 1_500, look: .enough),
        Row(name: "nothing was due", due: nil, now: 90_000, look: .enough),
        Row(name: "a signal", due: 500, now: 100, isEmpty: true, look: .again),
        Row(name: "a signal while nothing is due", due: nil, now: 100, isEmpty: true, look: .again),
        Row(name: "a pause", due: 500, now: 1_502, look: .again, grace: 5_000),
        Row(
            name: "a pause that a signal ended", due: 500, now: 80_000, isEmpty: true, look: .again,
            grace: 5_000),
    ]

    @Test("when to look again, and for how long deadlines are put off", arguments: rows)
    func table(row: Row) {
        var watch = PauseWatch(Self.at(0))
        let now = Self.at(row.now)
        #expect(watch.woke(at: now, due: row.due.map(Self.at), isEmpty: row.isEmpty) == row.look)
        #expect(watch.graceEnds(at: now) == row.grace.map { now.adding(milliseconds: $0) })
    }

    @Test("the grace ends, and silence is counted from the end of the pause")
    func grace() {
        var watch = PauseWatch(Self.at(0))
        #expect(watch.listeningMilliseconds(at: Self.at(400)) == 400)
        _ = watch.woke(at: Self.at(80_000), due: Self.at(500), isEmpty: false)
        #expect(watch.graceEnds(at: Self.at(84_999)) == Self.at(85_000))
        #expect(watch.graceEnds(at: Self.at(85_000)) == nil)
        #expect(watch.graceEnds(at: Self.at(84_000)) == nil, "once over it is over")
        #expect(watch.listeningMilliseconds(at: Self.at(85_000)) == 5_000)
    }
}

@Suite("A worker that did not run") struct PauseTests {
    @Test("sockets that were silent meanwhile are asked once more")
    func sockets() throws {
        let loop = try Loopback()
        let (client, _) = try loop.socket()
        loop.pause(milliseconds: 200_000)
        client.say("hi")
        var heard = false
        while !heard, let frame = client.frame() {
            if frame.opcode == 9 { client.send(WireClient.frame(0x8A, frame.payload)) }
            heard = frame.text == "hi"
        }
        #expect(heard)
        #expect(loop.recorder.closed.isEmpty)
        while client.frame() != nil {}
        #expect(loop.recorder.closed.count == 1, "silence still ends it")
    }

    @Test("a head whose time passed meanwhile may be completed")
    func head() throws {
        let loop = try Loopback()
        let client = loop.client()
        client.send("GET / HTTP/1.1\r\nHo")
        loop.pause(milliseconds: 60_000)
        #expect(loop.client().get("/")?.status == 200, "the worker turns again")
        loop.wait(milliseconds: 4_000)
        client.send("st: a\r\n\r\n")
        #expect(client.response()?.status == 200)
    }

    @Test("who does nothing in the grace either is not waited for")
    func graceEnds() throws {
        let loop = try Loopback()
        let client = loop.client()
        client.send("GET / HTTP/1.1\r\nHo")
        loop.pause(milliseconds: 60_000)
        #expect(client.response()?.status == 408)
        #expect(loop.elapsed >= 65_000 && loop.elapsed <= 65_100)
    }

    @Test("a request that comes in the moment in which a connection has idled long enough")
    func crossing() throws {
        let loop = try Loopback()
        let client = loop.client()
        #expect(client.get("/")?.status == 200)
        // The worker is away when the time is up, for less than a pause.
        loop.pause(milliseconds: 75_700)
        #expect(client.get("/")?.status == 200)
        #expect(client.readToEnd() == ([], .closed))
    }
}
