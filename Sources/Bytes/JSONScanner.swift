// Checks one JSON text against the grammar of RFC 8259 in a single pass, without recursion, so
// that no nesting can exhaust the stack. Owns nothing; reads only below `end`: each load stands
// behind a comparison with it, and 8-byte loads behind a comparison with `end - 8`.
// Finds no values for anyone: that is `JSONCursor`'s work, on text that passed here.

struct JSONScanner {
    // Its loads are checked in debug; in release the comparisons with `end` are the whole proof.
    private let bytes: UnsafeRawBufferPointer
    private let end: Int
    private let surrogates: JSON.Surrogates
    private var at = 0

    /// `bytes` must stay where they are while the scanner is used.
    init(_ bytes: UnsafeRawBufferPointer, surrogates: JSON.Surrogates) {
        self.bytes = bytes
        end = bytes.count
        self.surrogates = surrogates
    }

    /// Reads exactly one value with white space around it; returns the value's own range.
    mutating func document(depthMax: Int) throws(JSONError) -> Range<Int> {
        if end >= 3, byte(0) == 0xEF, byte(1) == 0xBB, byte(2) == 0xBF {
            throw error(.byteOrderMark)
        }
        skipSpace()
        let start = at
        try value(depthMax: depthMax)
        let stop = at
        skipSpace()
        guard at == end else { throw error(.trailingBytes) }
        return start..<stop
    }

    /// Reads one value with all that is in it. Each turn of the loop reads one scalar, or the
    /// opening of one container, then the closings and the comma behind it.
    private mutating func value(depthMax: Int) throws(JSONError) {
        var open = ContainerStack()
        while true {
            skipSpace()
            guard at < end else { throw error(.unexpectedEnd) }
            let first = byte(at)
            switch first {
            case UInt8(ascii: "\""):
                try string()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard open.count < depthMax else { throw error(.tooDeep(max: depthMax)) }
                at += 1
                skipSpace()
                // '}' is '{' + 2 and ']' is '[' + 2.
                if at < end, byte(at) == first + 2 {
                    at += 1
                    break
                }
                open.push(first == UInt8(ascii: "{") ? .object : .array)
                if first == UInt8(ascii: "{") { try key() }
                continue
            case UInt8(ascii: "t"): try literal("true")
            case UInt8(ascii: "f"): try literal("false")
            case UInt8(ascii: "n"): try literal("null")
            default: try number()
            }
            if try close(&open) == .done { return }
        }
    }

    private enum Next { case value, done }

    /// Behind a value: leaves the containers that end here, and steps over a comma and the key
    /// behind it, so that the next value can be read.
    private mutating func close(_ open: inout ContainerStack) throws(JSONError) -> Next {
        while let container = open.top {
            skipSpace()
            guard at < end else { throw error(.unexpectedEnd) }
            switch (byte(at), container) {
            case (UInt8(ascii: ","), .object):
                at += 1
                try key()
                return .value
            case (UInt8(ascii: ","), .array):
                at += 1
                return .value
            case (UInt8(ascii: "}"), .object), (UInt8(ascii: "]"), .array):
                at += 1
                open.pop()
            case (let other, _):
                throw error(.unexpectedByte(other))
            }
        }
        return .done
    }

    /// Reads a member's name and the colon behind it.
    private mutating func key() throws(JSONError) {
        skipSpace()
        guard at < end else { throw error(.unexpectedEnd) }
        guard byte(at) == UInt8(ascii: "\"") else { throw error(.unexpectedByte(byte(at))) }
        try string()
        skipSpace()
        guard at < end else { throw error(.unexpectedEnd) }
        guard byte(at) == UInt8(ascii: ":") else { throw error(.unexpectedByte(byte(at))) }
        at += 1
    }

    private mutating func literal(_ text: StaticString) throws(JSONError) {
        for index in 0..<text.utf8CodeUnitCount {
            guard at < end else { throw error(.unexpectedEnd) }
            guard byte(at) == text.utf8Start[index] else {
                throw error(.unexpectedByte(byte(at)))
            }
            at += 1
        }
    }

    /// RFC 8259 §6: an optional minus, no leading zeros, digits on both sides of a point.
    private mutating func number() throws(JSONError) {
        let first = byte(at)
        guard first == UInt8(ascii: "-") || ASCII.isDigit(first) else {
            throw error(.unexpectedByte(first))
        }
        if first == UInt8(ascii: "-") { at += 1 }
        if at < end, byte(at) == UInt8(ascii: "0") {
            at += 1
            if at < end, ASCII.isDigit(byte(at)) { throw error(.badNumber) }
        } else {
            try digits()
        }
        if at < end, byte(at) == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if at < end, byte(at) | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < end, byte(at) == UInt8(ascii: "+") || byte(at) == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
    }

    /// At least one digit.
    private mutating func digits() throws(JSONError) {
        guard at < end else { throw error(.unexpectedEnd) }
        guard ASCII.isDigit(byte(at)) else { throw error(.badNumber) }
        repeat { at += 1 } while at < end && ASCII.isDigit(byte(at))
    }

    @inline(__always)
    private mutating func skipSpace() {
        while at < end, JSONCursor.isSpace(byte(at)) { at += 1 }
    }

    @inline(__always)
    private func byte(_ index: Int) -> UInt8 {
        bytes[index]
    }

    private func error(_ reason: JSONError.Reason) -> JSONError {
        JSONError(offset: at, reason: reason)
    }
}

// Strings (RFC 8259 §7).
extension JSONScanner {
    /// Reads a string from its opening quote to behind its closing one.
    private mutating func string() throws(JSONError) {
        at += 1
        while true {
            skipPlain()
            guard at < end else { throw error(.unexpectedEnd) }
            switch byte(at) {
            case UInt8(ascii: "\""):
                at += 1
                return
            case UInt8(ascii: "\\"):
                try escape()
            case 0x80...:
                let rest = bytes.part(at..<end)
                let length = UTF8Validator.sequenceLength(in: rest)
                guard length > 0 else { throw error(.illFormedUTF8) }
                at += length
            case ..<0x20:
                throw error(.controlCharacter)
            default:
                at += 1
            }
        }
    }

    /// Moves over bytes that need no look of their own, eight at a time: stops at or a little
    /// before the next quote, backslash, control character or byte above 0x7F.
    @inline(__always)
    private mutating func skipPlain() {
        while end - at >= 8 {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let marks = JSONCursor.stringMarks(in: word)
            if marks == 0 {
                at += 8
            } else {
                // The lowest mark is exact; those above it may be carries of the subtraction.
                at += marks.trailingZeroBitCount >> 3
                return
            }
        }
    }

    private mutating func escape() throws(JSONError) {
        let start = at
        at += 1
        guard at < end else { throw error(.unexpectedEnd) }
        switch byte(at) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            at += 1
        case UInt8(ascii: "u"):
            at += 1
            let unit = try hexQuad()
            guard unit & 0xF800 == 0xD800, surrogates == .refuse else { return }
            let isPaired =
                unit < 0xDC00 && end - at >= 6 && byte(at) == UInt8(ascii: "\\")
                && byte(at + 1) == UInt8(ascii: "u")
            if isPaired {
                at += 2
                if try hexQuad() & 0xFC00 == 0xDC00 { return }
            }
            throw JSONError(offset: start, reason: .loneSurrogate)
        default:
            throw error(.badEscape)
        }
    }

    private mutating func hexQuad() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard at < end else { throw error(.unexpectedEnd) }
            guard let digit = Hex.value(of: byte(at)) else { throw error(.badEscape) }
            unit = unit << 4 | UInt16(digit)
            at += 1
        }
        return unit
    }
}

/// Which containers are open, one bit each; the first 64 need no allocation.
private struct ContainerStack {
    enum Container { case array, object }

    private(set) var count = 0
    private var word: UInt64 = 0
    private var full: [UInt64] = []

    /// The innermost open container.
    var top: Container? {
        count == 0 ? nil : word & 1 == 1 ? .object : .array
    }

    mutating func push(_ container: Container) {
        if count > 0 && count & 63 == 0 { full.append(word) }
        word = word << 1 | (container == .object ? 1 : 0)
        count += 1
    }

    mutating func pop() {
        word >>= 1
        count -= 1
        if count > 0 && count & 63 == 0, let last = full.popLast() { word = last }
    }
}
