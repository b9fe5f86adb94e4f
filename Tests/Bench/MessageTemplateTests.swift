// Messages that are known from their numbers.

import MizuBytes
import Testing

@testable import MizuBench

@Suite("Templates of messages")
struct MessageTemplateTests {
    private func text(_ template: MessageTemplate, _ sequence: Int, _ connection: Int = 0) -> String
    {
        var buffer = ByteBuffer(capacity: 16)
        buffer.append("before" as StaticString)
        template.append(sequence: sequence, connection: connection, to: &buffer)
        return String(String(decoding: buffer.readable, as: UTF8.self).dropFirst(6))
    }

    private func matches(_ template: MessageTemplate, _ bytes: [UInt8], _ sequence: Int) -> Bool {
        var scratch = ByteBuffer(capacity: 16)
        return bytes.withUnsafeBytes {
            template.matches($0, sequence: sequence, connection: 3, scratch: &scratch)
        }
    }

    @Test("numbers have a fixed width, names are filled in, other braces stay")
    func places() throws {
        let template = try MessageTemplate(
            #"{"t":"{topic}","n":"{seq}","c":{connection},"x":{},"y":"{other}"}"#,
            names: [("topic", "a{seq}b")])
        #expect(
            text(template, 42, 7)
                == #"{"t":"a{seq}b","n":"0000000042","c":0000007,"x":{},"y":"{other}"}"#)
        #expect(text(template, MessageTemplate.sequenceMax).contains("9999999999"))
        #expect(template.count == text(template, 0).utf8.count)
    }

    @Test("padding fills up to the size, wherever it stands", arguments: [20, 40, 125, 5000])
    func padding(size: Int) throws {
        for pattern in ["{pad}{seq}", "{seq}{pad}", "<{seq} {pad} {connection}>"] {
            let template = try MessageTemplate(pattern, size: size)
            let one = text(template, 1)
            #expect(one.utf8.count == max(size, template.count) && one.contains("0000000001"))
            #expect(text(template, 2) != one && text(template, 1) == one)
        }
        #expect(throws: BenchFailure.self) { try MessageTemplate("{pad}{pad}", size: 10) }
        #expect(throws: BenchFailure.self) {
            try MessageTemplate("{pad}", size: Padding.bytesMax + 1)
        }
    }

    @Test("a message matches its numbers alone, and no byte may differ")
    func matching() throws {
        let template = try MessageTemplate("{connection}/{seq}/{pad}", size: 60)
        var message = Array(text(template, 99, 3).utf8)
        #expect(matches(template, message, 99))
        #expect(!matches(template, message, 98))
        #expect(!matches(template, message + [0x20], 99))
        #expect(!matches(template, Array(message.dropLast()), 99))
        for index in message.indices {
            message[index] ^= 1
            #expect(!matches(template, message, 99), "byte \(index)")
            message[index] ^= 1
        }
    }

    @Test("the numbers are found in a message; what has no digits there has none")
    func numbers() throws {
        let template = try MessageTemplate("a{connection}b{seq}c")
        Array(text(template, 12_345, 67).utf8).withUnsafeBytes { bytes in
            #expect(template.sequence(in: bytes) == 12_345)
            #expect(template.connection(in: bytes) == 67)
        }
        for bytes in ["", "a0000067b00000x2345c", "a00000"] {
            Array(bytes.utf8).withUnsafeBytes { #expect(template.sequence(in: $0) == nil) }
        }
        #expect(try !MessageTemplate("no number").isNumbered)
    }
}

@Suite("Which numbers have come")
struct SequenceWindowTests {
    @Test("numbers in order, a gap that is filled, and doubles")
    func verdicts() {
        var window = SequenceWindow()
        let first = [0, 1, 4, 3, 3, 5, 2, 0].map { window.note($0) }
        #expect(
            first == [
                .inOrder, .inOrder, .ahead, .late, .doubled, .inOrder, .late, .doubled,
            ])
        #expect(window.received == 6 && window.next == 6)
        // 136 lies further back than it remembers.
        let second = [200, 137, 136].map { window.note($0) }
        #expect(second == [.ahead, .late, .doubled])
    }

    @Test("within 64 numbers it knows what a set knows", arguments: 0..<20)
    func oracle(seed: Int) {
        var random = RandomNumbers(seed: UInt64(seed))
        var (window, seen, highest) = (SequenceWindow(), Set<Int>(), -1)
        for _ in 0..<2000 {
            let number = max(0, highest - 20 + Int(random.next() % 25))
            let verdict = window.note(number)
            if seen.contains(number) {
                #expect(verdict == .doubled)
            } else if number == highest + 1 {
                #expect(verdict == .inOrder)
            } else {
                #expect(verdict == (number > highest ? .ahead : .late))
            }
            seen.insert(number)
            highest = max(highest, number)
            #expect(window.received == seen.count && window.next == highest + 1)
        }
    }
}
