// Close frames in the manner of Autobahn's cases 7.*, and the closing handshake as a machine.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 6455 §5.5.1, §7: closing")
struct CloseTests {
    private func expect(_ frames: [Frame], give expected: [Event], _ name: String) {
        for role in [WebSocketRole.server, .client] {
            expectEverySplit(wire(frames, for: role), role, give: expected, name)
        }
    }

    @Test("7.1.*: what follows a close is passed over")
    func afterClose() {
        let closed = Event.close(1000, [])
        expect([.text("a"), .close(1000)], give: [.text("a"), closed], "7.1.1")
        expect([.close(1000), .close(1001)], give: [closed], "7.1.2")
        expect([.close(1000), .ping("")], give: [closed], "7.1.3")
        expect([.close(1000), .text("late")], give: [closed], "7.1.4")
        expect([.text("a").more, .close(1000), .rest("b")], give: [closed], "7.1.5")
        expect([.close(1000), Frame(15, [1], bits: 0x70)], give: [closed], "garbage")
    }

    @Test("7.3.*: payloads of every length form")
    func payloads() {
        let reason = String(repeating: "*", count: 123)
        expect([Frame(8)], give: [.close(nil, [])], "7.3.1")
        expect([Frame(8, [65])], give: [.reject(.badClose)], "7.3.2")
        expect([.close(1000)], give: [.close(1000, [])], "7.3.3")
        expect([.close(1000, "Hello")], give: [.close(1000, Array("Hello".utf8))], "7.3.4")
        expect([.close(1000, reason)], give: [.close(1000, Array(reason.utf8))], "7.3.5")
        expect([.close(1000, reason + "*")], give: [.reject(.controlTooLong)], "7.3.6")
        expect([Frame.close(1000).more], give: [.reject(.fragmentedControl)], "fragmented")
    }

    @Test("7.5.1: a reason that is not UTF-8 is refused with 1007")
    func reasons() {
        for bad in TextTests.invalid {
            let frame = Frame(8, [0x03, 0xE8] + bad)
            expect([frame], give: [.reject(.badCloseReason)], "\(bad)")
        }
        #expect(WebSocketError.badCloseReason.closeCode == .invalidPayload)
    }

    @Test("7.7.*, 7.9.*, 7.13.*: of all 65,536 codes exactly the sendable ones are taken")
    func codes() {
        let memory = GuardedMemory(capacity: 64)
        for code in 0...UInt16.max {
            let got = events(Frame.close(code).bytes(for: .client), .client, memory: memory)
            let isGood =
                (1000...1003).contains(code) || (1007...1014).contains(code)
                || (3000...4999).contains(code)
            let expected: Event = isGood ? .close(code, []) : .reject(.badClose)
            guard got == [expected] else {
                Issue.record("close code \(code): \(got)")
                return
            }
        }
    }

    @Test("the machine answers a close in kind and drops the socket once that is written")
    func peerCloses() {
        var machine = CloseMachine()
        #expect(machine.isOpen)
        #expect(machine.peerClosed(.goingAway) == .sendClose(.goingAway, then: .drop))
        #expect(machine == .closed)
        #expect(machine.peerClosed(.normal) == .none)
        #expect(machine.closeLocally(.normal) == .none)
        #expect(machine.failed(.badText) == .none)
        #expect(machine.hungUp() == .none)
    }

    @Test("the machine sends one close, and drops it at the answer or at the stream's end")
    func weClose() {
        var answered = CloseMachine()
        #expect(
            answered.closeLocally(.serviceRestart)
                == .sendClose(.serviceRestart, then: .awaitClose))
        #expect(answered == .closeSent)
        #expect(answered.closeLocally(.normal) == .none)
        #expect(answered.peerClosed(nil) == .dropSocket)

        var silent = CloseMachine()
        _ = silent.closeLocally(.normal)
        #expect(silent.hungUp() == .dropSocket)
        #expect(silent.hungUp() == .none)

        var rude = CloseMachine()
        _ = rude.closeLocally(.normal)
        #expect(rude.failed(.reservedBits) == .dropSocket)
    }

    @Test("the machine tells a violator why and waits for no answer")
    func violation() {
        var machine = CloseMachine()
        #expect(machine.failed(.messageTooBig) == .sendClose(.messageTooBig, then: .drop))
        #expect(machine.peerClosed(.normal) == .none)
        #expect(machine == .closed)
        var lost = CloseMachine()
        #expect(lost.hungUp() == .dropSocket)
        #expect(lost.closeLocally(.normal) == .none)
        #expect(lost.peerClosed(nil) == .none)
    }

    @Test("every error has a close code that may be sent, and a reason that fits")
    func errors() {
        for error in WebSocketError.allCases {
            #expect(error.closeCode.isValidOnWire)
            #expect(error.reason.utf8CodeUnitCount <= 123)
        }
    }
}
