// UTF-8 of text messages in the manner of Autobahn's cases 6.*: valid and invalid texts, in one
// frame, in fragments cut at every byte, and the first bad byte refused before the rest arrives.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 6455 §8.1: UTF-8 in text messages")
struct TextTests {
    static let valid: [[UInt8]] = [
        [UInt8]("".utf8),
        [UInt8]("Hello-µ@ßöäüàá-UTF-8!!".utf8),
        [UInt8]("κόσμε".utf8),
        [0x00], [0x7F], [0xC2, 0x80], [0xDF, 0xBF],
        [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBD],
        [0xEF, 0xBF, 0xBE], [0xEF, 0xBF, 0xBF],
        [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0xBF, 0xBE],
    ]

    static let invalid: [[UInt8]] = [
        [0x80], [0xBF], [0x80, 0xBF], [0xC0], [0xC0, 0xAF], [0xC1, 0xBF],
        [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80, 65],
        [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xE1, 0x80], [0xE1, 0x80, 0x41],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80],
        [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF1, 0x80, 0x80],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xC2], [0xC2, 0x41],
    ]

    @Test("6.*: valid text is taken, in one frame and in fragments cut anywhere")
    func validText() {
        for text in Self.valid {
            let padded = Array("0123456789".utf8) + text + Array("abcdefghi".utf8)
            expect(text, gives: .text(text))
            expect(padded, gives: .text(padded))
        }
    }

    @Test("6.*: invalid text is refused, in one frame and in fragments cut anywhere")
    func invalidText() {
        for text in Self.invalid {
            expect(text, gives: .reject(.badText))
            expect(Array("0123456789".utf8) + text, gives: .reject(.badText))
        }
        #expect(WebSocketError.badText.closeCode == .invalidPayload)
    }

    private func expect(_ text: [UInt8], gives event: Event) {
        let memory = GuardedMemory(capacity: 256)
        for role in [WebSocketRole.server, .client] {
            expectEverySplit(wire([.text(text)], for: role), role, give: [event], "\(text)")
            for cut in 0...text.count {
                let frames: [Frame] = [
                    .text(Array(text[..<cut])).more, .ping(""), .rest(Array(text[cut...])),
                ]
                let got = events(wire(frames, for: role), role, memory: memory)
                #expect(got.last == event, "\(text) in fragments at \(cut)")
            }
        }
    }

    @Test("6.4: the first bad byte of a long text is refused before the rest arrives")
    func failsFast() {
        for role in [WebSocketRole.server, .client] {
            let good = [UInt8]("κόσμε".utf8)
            let text = good + [0xF4, 0x90] + [UInt8](repeating: 65, count: 500)
            let bytes = Frame.text(text).bytes(for: role)
            let bad = bytes.count - text.count + good.count + 1
            var feeder = Feeder(role)
            feeder.feed(bytes[..<bad])
            #expect(feeder.events.isEmpty, "F4 alone may still become a character")
            feeder.feed(bytes[bad...bad])
            #expect(feeder.events == [.reject(.badText)])
            feeder.feed(bytes[(bad + 1)...])
            #expect(feeder.events == [.reject(.badText)], "what follows is passed over")
        }
    }

    @Test("binary messages and pings are not checked")
    func binary() {
        let bad: [UInt8] = [0xFF, 0xC0, 0x80]
        for role in [WebSocketRole.server, .client] {
            expectEverySplit(
                wire([.binary(bad), Frame(9, bad), .binary(bad).more, .rest(bad)], for: role),
                role, give: [.binary(bad), .ping(bad), .binary(bad + bad)], "binary")
        }
    }
}
