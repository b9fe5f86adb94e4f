// Lines of a descriptor, one after the other, each with its number; of bounded length.

import CLinux
import MizuBytes

struct LineReader: ~Copyable {
    /// Bytes of the longest line: a record may have 256 KiB.
    private static let lineBytesMax = 4 << 20
    private let descriptor: Int32
    private let name: String
    private var buffer = ByteBuffer(capacity: 1 << 17)
    /// How much of the buffer is known to have no line break.
    private var searched = 0
    private var isAtEnd = false
    /// Of the line that was read last, from 1.
    private(set) var number = 0

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// The next line without its break; nil behind the last one. Empty lines are passed over.
    mutating func next() throws(ToolFailure) -> ByteSlice? {
        while true {
            let bytes = buffer.readable
            if let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                if let line = take(end, andBreak: 1) { return line }
                continue
            }
            searched = bytes.count
            if isAtEnd {
                guard !buffer.isEmpty else { return nil }
                if let line = take(buffer.count, andBreak: 0) { return line }
                continue
            }
            guard searched <= Self.lineBytesMax else {
                throw ToolFailure("\(name), line \(number + 1): it is longer than any record")
            }
            try fill()
        }
    }

    /// - Returns: nil for an empty line.
    private mutating func take(_ count: Int, andBreak breakCount: Int) -> ByteSlice? {
        number += 1
        searched = 0
        var line = UnsafeRawBufferPointer(rebasing: buffer.readable[..<count])
        if line.last == UInt8(ascii: "\r") { line = .init(rebasing: line.dropLast()) }
        let isEmpty = line.allSatisfy { $0 == 0x20 || $0 == 0x09 }
        let slice = isEmpty ? nil : ByteSlice(copying: line)
        buffer.consume(count + breakCount)
        return slice
    }

    private mutating func fill() throws(ToolFailure) {
        buffer.reserve(1 << 16)
        let space = buffer.writable
        let count = cl_read_some(descriptor, space.baseAddress, space.count)
        guard count >= 0 else { throw ToolFailure(cannot: "read", name, Int32(count)) }
        if count == 0 { isAtEnd = true }
        buffer.advance(written: count)
    }
}
