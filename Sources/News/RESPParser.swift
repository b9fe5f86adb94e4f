// Bytes of Redis to values: RESP2 and RESP3. A function of bytes, so its outcome does not depend on
// how they were cut. Redis is not trusted to be well-formed: every length is checked against a
// limit before anything is allocated for it, nesting is bounded, and what does not fit ends the
// connection. It refuses RESP3's streamed strings and aggregates, which no Redis sends.

import MizuBytes

package struct RESPParser: Sendable {
    /// Bytes of the longest string.
    package var stringBytesMax = 16 << 20
    /// Bytes of a line: a simple string, an error, a number.
    package var lineBytesMax = 16 << 10
    /// Values in one reply, those inside of others included.
    package var valuesMax = 4096
    /// Aggregates inside of each other.
    package var depthMax = 8

    package enum Outcome: Equatable, Sendable {
        /// The value is not whole, and cannot be before there are that many bytes.
        case needMore(atLeast: Int)
        case value(RESPValue, consumed: Int)
        /// No bytes that may follow make it well-formed, or it is larger than the limits.
        case malformed(StaticString)

        package static func == (left: Outcome, right: Outcome) -> Bool {
            switch (left, right) {
            case (.needMore(let a), .needMore(let b)): a == b
            case (.value(let a, let m), .value(let b, let n)): a == b && m == n
            case (.malformed(let a), .malformed(let b)): a.description == b.description
            default: false
            }
        }
    }

    package init() {}

    /// Parses the value with which `bytes` begin. O(bytes of the value).
    package func parse(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var reading = Reading(bytes: bytes, limits: self, valuesLeft: valuesMax)
        do throws(Stop) {
            let value = try reading.value(depth: 0)
            return .value(value, consumed: reading.index)
        } catch {
            switch error {
            case .short(let count): return .needMore(atLeast: count)
            case .malformed(let reason): return .malformed(reason)
            }
        }
    }

    private enum Stop: Error {
        case short(Int)
        case malformed(StaticString)
    }

    /// One pass over the bytes.
    private struct Reading {
        let bytes: UnsafeRawBufferPointer
        let limits: RESPParser
        var valuesLeft: Int
        var index = 0

        mutating func value(depth: Int) throws(Stop) -> RESPValue {
            guard index < bytes.count else { throw .short(index + 1) }
            let kind = bytes[index]
            index += 1
            if kind != UInt8(ascii: "|") {
                guard valuesLeft > 0 else { throw .malformed("too many values in one reply") }
                valuesLeft -= 1
            }
            switch kind {
            case UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "("):
                return .text(try line())
            case UInt8(ascii: "-"): return .error(try line())
            case UInt8(ascii: ":"): return .integer(try number(try line()))
            case UInt8(ascii: "#"): return .boolean(try boolean())
            case UInt8(ascii: "_"):
                guard try line().isEmpty else { throw .malformed("a null with content") }
                return .null
            case UInt8(ascii: "$"):
                guard let text = try string() else { return .null }
                return .text(text)
            case UInt8(ascii: "!"):
                guard let text = try string() else { throw .malformed("an error without words") }
                return .error(text)
            case UInt8(ascii: "="): return .text(try verbatim())
            case UInt8(ascii: "*"), UInt8(ascii: "~"):
                return try values(times: 1, depth).map { .list($0) } ?? .null
            case UInt8(ascii: ">"):
                guard let all = try values(times: 1, depth) else {
                    throw .malformed("a push without content")
                }
                return .push(all)
            case UInt8(ascii: "%"):
                guard let all = try values(times: 2, depth) else {
                    throw .malformed("a map without content")
                }
                return .map(all)
            case UInt8(ascii: "|"):
                // Attributes are about the value that follows; nobody here asks for them.
                guard depth < limits.depthMax, try values(times: 2, depth) != nil else {
                    throw .malformed("attributes without content")
                }
                return try value(depth: depth + 1)
            default: throw .malformed("no type of RESP")
            }
        }

        /// The line up to CR LF, which is passed.
        private mutating func line() throws(Stop) -> Range<Int> {
            let start = index
            var end = start
            while true {
                guard end < bytes.count else {
                    guard end - start <= limits.lineBytesMax else {
                        throw .malformed("a line is too long")
                    }
                    throw .short(bytes.count + 1)
                }
                if bytes[end] == 0x0D { break }
                guard bytes[end] != 0x0A else { throw .malformed("a line feed in a line") }
                end += 1
            }
            guard end - start <= limits.lineBytesMax else { throw .malformed("a line is too long") }
            guard end + 1 < bytes.count else { throw .short(end + 2) }
            guard bytes[end + 1] == 0x0A else { throw .malformed("a carriage return in a line") }
            index = end + 2
            return start..<end
        }

        /// A decimal number with an optional sign.
        private func number(_ range: Range<Int>) throws(Stop) -> Int64 {
            var range = range
            var isNegative = false
            if let first = range.first,
                bytes[first] == UInt8(ascii: "-") || bytes[first] == UInt8(ascii: "+")
            {
                isNegative = bytes[first] == UInt8(ascii: "-")
                range = first + 1..<range.upperBound
            }
            guard !range.isEmpty, range.count <= 19 else { throw .malformed("not a number") }
            // Downwards, so that the least number fits, too.
            var value: Int64 = 0
            for index in range {
                guard ASCII.isDigit(bytes[index]) else { throw .malformed("not a number") }
                let (product, high) = value.multipliedReportingOverflow(by: 10)
                let digit = Int64(bytes[index] - UInt8(ascii: "0"))
                let (sum, carry) = product.subtractingReportingOverflow(digit)
                guard !high, !carry else { throw .malformed("a number of more than 64 bits") }
                value = sum
            }
            guard isNegative || value != .min else {
                throw .malformed("a number of more than 64 bits")
            }
            return isNegative ? value : -value
        }

        /// A length; nil for RESP2's -1.
        private mutating func length(max: Int, _ excess: StaticString) throws(Stop) -> Int? {
            let value = try number(try line())
            if value == -1 { return nil }
            guard value >= 0 else { throw .malformed("a negative length") }
            guard value <= Int64(max) else { throw .malformed(excess) }
            return Int(value)
        }

        private mutating func string() throws(Stop) -> Range<Int>? {
            guard
                let count = try length(
                    max: limits.stringBytesMax, "a string is longer than the limit")
            else { return nil }
            let end = index + count
            guard bytes.count >= end + 2 else { throw .short(end + 2) }
            guard bytes[end] == 0x0D, bytes[end + 1] == 0x0A else {
                throw .malformed("a string without its end")
            }
            defer { index = end + 2 }
            return index..<end
        }

        private mutating func boolean() throws(Stop) -> Bool {
            let text = try line()
            if text.count == 1, bytes[text.lowerBound] == UInt8(ascii: "t") { return true }
            if text.count == 1, bytes[text.lowerBound] == UInt8(ascii: "f") { return false }
            throw .malformed("neither true nor false")
        }

        /// A string behind three letters and a colon, which say what it is.
        private mutating func verbatim() throws(Stop) -> Range<Int> {
            guard let text = try string(), text.count >= 4,
                bytes[text.lowerBound + 3] == UInt8(ascii: ":")
            else { throw .malformed("a verbatim string without its kind") }
            return text.lowerBound + 4..<text.upperBound
        }

        /// The values of an aggregate, `times` for each that its length says; nil for RESP2's null.
        private mutating func values(times: Int, _ depth: Int) throws(Stop) -> [RESPValue]? {
            guard
                let count = try length(
                    max: valuesLeft / times, "too many values in one reply")
            else { return nil }
            guard depth < limits.depthMax else { throw .malformed("a reply is nested too deeply") }
            var all: [RESPValue] = []
            all.reserveCapacity(count * times)
            for _ in 0..<count * times { all.append(try value(depth: depth + 1)) }
            return all
        }
    }
}
