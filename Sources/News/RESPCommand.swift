// Commands to Redis as bytes: an array of bulk strings, which every version takes. Writes into a
// buffer of its caller and keeps nothing.

import MizuBytes

package enum RESPCommand {
    /// Begins a command of `count` parts, which are appended next.
    package static func begin(_ count: Int, to out: inout ByteBuffer) {
        out.append(UInt8(ascii: "*"))
        out.append(decimal: count)
        out.append("\r\n" as StaticString)
    }

    package static func append(_ part: UnsafeRawBufferPointer, to out: inout ByteBuffer) {
        out.append(UInt8(ascii: "$"))
        out.append(decimal: part.count)
        out.append("\r\n" as StaticString)
        out.append(part)
        out.append("\r\n" as StaticString)
    }

    package static func append(word part: StaticString, to out: inout ByteBuffer) {
        append(
            UnsafeRawBufferPointer(start: part.utf8Start, count: part.utf8CodeUnitCount), to: &out)
    }

    package static func append(_ part: ByteSlice, to out: inout ByteBuffer) {
        part.withUnsafeBytes { append($0, to: &out) }
    }

    package static func append(_ part: [UInt8], to out: inout ByteBuffer) {
        part.withUnsafeBytes { append($0, to: &out) }
    }

    /// A whole command of words.
    package static func append(command words: [String], to out: inout ByteBuffer) {
        begin(words.count, to: &out)
        for word in words { append(Array(word.utf8), to: &out) }
    }
}
