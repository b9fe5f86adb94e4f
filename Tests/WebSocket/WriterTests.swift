// Frames as written, against bytes by hand, against the tests' own encoder and through a reader.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 6455 §5.2, §5.3: writing frames")
struct WriterTests {
    private let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    private var masking: Masking {
        .key(key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
    }

    private func written(
        _ opcode: Opcode, _ payload: [UInt8], masking: Masking = .none, end: FrameEnd = .final
    ) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 1)
        FrameWriter.append(opcode, ByteSlice(payload), to: &buffer, masking: masking, end: end)
        return [UInt8](buffer.readable)
    }

    @Test("the examples of §5.7 are written byte for byte")
    func examples() {
        let hello = Array("Hello".utf8)
        #expect(written(.text, hello) == [0x81, 0x05] + hello)
        #expect(
            written(.text, hello, masking: masking)
                == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
        #expect(written(.text, Array("Hel".utf8), end: .more) == [0x01, 0x03] + Array("Hel".utf8))
        #expect(written(.continuation, Array("lo".utf8)) == [0x80, 0x02] + Array("lo".utf8))
        #expect(written(.ping, hello) == [0x89, 0x05] + hello)
        #expect(written(.binary, [UInt8](repeating: 0, count: 256)).prefix(4) == [0x82, 126, 1, 0])
        #expect(
            written(.binary, [UInt8](repeating: 0, count: 65536)).prefix(10)
                == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])
    }

    @Test("every length is written in its shortest form, masked and not, and read back")
    func lengths() {
        for count in [0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70_001] {
            let payload = FramingTests.bytes(count)
            let plain = Frame.binary(payload)
            #expect(written(.binary, payload) == plain.bytes(for: .client))
            let masked = written(.binary, payload, masking: masking)
            #expect(masked == plain.bytes(for: .server, key: key))
            let memory = GuardedMemory(capacity: masked.count)
            #expect(events(masked, .server, memory: memory) == [.binary(payload)])
        }
    }

    @Test("a header alone stands before a payload of its own")
    func header() {
        let payload = ByteSlice(FramingTests.bytes(300))
        var header = ByteBuffer(capacity: 1)
        FrameWriter.appendHeader(.text, payloadBytes: payload.count, to: &header)
        #expect([UInt8](header.readable) + payload.array == written(.text, payload.array))
        #expect(header.count <= WebSocketLimits.headerBytesMax)
    }

    @Test("frames are appended behind what the buffer holds, which stays as it is")
    func appended() {
        var buffer = ByteBuffer(capacity: 1)
        FrameWriter.append(.text, "one", to: &buffer, masking: masking)
        FrameWriter.append(.ping, "two", to: &buffer, masking: masking)
        FrameWriter.appendClose(.normal, reason: "bye", to: &buffer, masking: masking)
        let got = events(
            [UInt8](buffer.readable), .server, memory: GuardedMemory(capacity: 100))
        #expect(got == [.text("one"), .ping("two"), .close(1000, Array("bye".utf8))])
    }

    @Test("a close frame is empty without a code; a long reason is cut between characters")
    func closes() {
        var buffer = ByteBuffer(capacity: 1)
        FrameWriter.appendClose(nil, to: &buffer)
        #expect([UInt8](buffer.readable) == [0x88, 0])
        buffer.removeAll()
        let reason = "x" + String(repeating: "é", count: 100)
        FrameWriter.appendClose(.tooSlow, reason: reason, to: &buffer)
        let expected = "x" + String(repeating: "é", count: 61)
        #expect([UInt8](buffer.readable) == [0x88, 125, 0x0F, 0xA0] + Array(expected.utf8))
    }

    @Test("masking is right from any offset, for any length and at any alignment")
    func maskParts() {
        let key: [UInt8] = [1, 2, 4, 0x80]
        let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        for offset in 0..<8 {
            for count in 0..<40 {
                let memory = GuardedMemory(capacity: 64)
                let bytes = memory.place(FramingTests.bytes(count))
                Mask.apply(word, to: bytes, from: offset)
                let expected = FramingTests.bytes(count).enumerated().map { index, byte in
                    byte ^ key[(offset + index) % 4]
                }
                guard bytes.elementsEqual(expected) else {
                    Issue.record("offset \(offset), count \(count)")
                    return
                }
            }
        }
    }
}
