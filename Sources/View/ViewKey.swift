// A name as a number of two words, so that comparing names rarely reads bytes: a member's key, a
// part of a dotted name, a block's name. Compared byte for byte, without normalisation.

import CScan
import MizuBytes

/// A name's length, and its first and last eight bytes. Those of a name of up to 16 bytes are all
/// of it; longer ones that agree in them are compared by their bytes.
struct NameEnds: BitwiseCopyable, Sendable, Equatable {
    let first: UInt64
    let last: UInt64
    let count: Int

    @inline(__always)
    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        let ends = cscan_ends_of_name(start, count)
        first = ends.first
        last = ends.last
        self.count = count
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        self.init(start ?? ("" as StaticString).utf8Start, bytes.count)
    }

    /// Whether names that agree in this are equal.
    @inline(__always)
    var isWhole: Bool { count <= 16 }

    /// For a table of names. Whoever chooses keys can make them fall on each other, which costs a
    /// comparison for each name of the templates at most.
    @inline(__always)
    var hash: UInt64 {
        let mixed =
            (first &* 0x9E37_79B9_7F4A_7C15) ^ (last &* 0xC2B2_AE3D_27D4_EB4F)
            ^ UInt64(truncatingIfNeeded: count)
        return (mixed ^ mixed >> 32) &* 0x9FB2_1C65_1E98_DF25
    }
}

/// A name with its ends.
struct ViewKey: Sendable, Equatable {
    private enum Text: Sendable {
        case bytes(ByteSlice)
        /// A literal of the app: nothing is allocated for it.
        case string(String)
    }

    private let text: Text
    let ends: NameEnds

    init(_ bytes: ByteSlice) {
        text = .bytes(bytes)
        ends = bytes.withUnsafeBytes { NameEnds($0) }
    }

    init(_ string: String) {
        var string = string
        ends = string.withUTF8 { NameEnds(UnsafeRawBufferPointer($0)) }
        text = .string(string)
    }

    var bytes: ByteSlice {
        switch text {
        case .bytes(let bytes): bytes
        case .string(let string): ByteSlice(string)
        }
    }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        switch text {
        case .bytes(let bytes): return bytes.withUnsafeBytes(body)
        case .string(var string):
            return string.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        }
    }

    static func == (left: ViewKey, right: ViewKey) -> Bool {
        guard left.ends == right.ends else { return false }
        return left.ends.isWhole
            || left.withUnsafeBytes { a in right.withUnsafeBytes { b in ASCII.equal(a, b) } }
    }
}
