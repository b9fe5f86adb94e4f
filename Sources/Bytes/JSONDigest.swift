// 128 bits over what a JSON text says, whichever way it says it: an object's members count in any
// order, by their names after unescaping, strings by their characters after unescaping, white
// space not at all. A number counts as it is written: which numbers are equal is the reader's
// business. An object that names a member twice differs from one that does not.
// One walk without recursion, over memory of its own that is bounded by `depthMax`. No signature:
// whoever chooses the texts can make two with one digest.

public struct JSONDigest: Hashable, Sendable {
    public private(set) var high: UInt64
    public private(set) var low: UInt64

    /// Containers inside one another that are followed.
    public static let depthMax = 96

    /// Of nothing: a value that is missing.
    public static let missing = JSONDigest(tag: 0)

    /// The digest of checked JSON text; nil where it nests deeper than `depthMax`. O(n).
    public init?(json text: UnsafeRawBufferPointer) {
        var walk = Walk()
        guard let digest = walk.run(text) else { return nil }
        self = digest
    }

    /// The digest of the JSON string with this content.
    public init(string content: UnsafeRawBufferPointer) {
        self.init(tag: UInt8(ascii: "\""))
        take(content)
        finish()
    }

    /// Both, in this order.
    public func followed(by next: JSONDigest) -> JSONDigest {
        var joined = self
        joined.take(next)
        joined.finish()
        return joined
    }

    // MARK: Two lanes of eight bytes a step

    private init(tag: UInt8) {
        high = 0x243F_6A88_85A3_08D3 ^ UInt64(tag)
        low = 0x1319_8A2E_0370_7344 &+ UInt64(tag)
    }

    @inline(__always)
    private mutating func take(_ word: UInt64) {
        high = (high ^ word) &* 0x9E37_79B1_85EB_CA87
        high ^= high >> 29
        low = (low << 23 | low >> 41) ^ (word &* 0xC2B2_AE3D_27D4_EB4F)
        low = low &* 0x1656_67B1_9E37_79F9
    }

    @inline(__always)
    private mutating func take(_ digest: JSONDigest) {
        take(digest.high)
        take(digest.low)
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var at = 0
        while bytes.count - at >= 8 {
            take(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at += 8
        }
        var rest: UInt64 = 0
        while at < bytes.count {
            rest = rest << 8 | UInt64(bytes[at])
            at += 1
        }
        take(rest)
        take(UInt64(bytes.count))
    }

    /// Sums of digests must not show how they were made (MurmurHash3's last step).
    @inline(__always)
    private mutating func finish() {
        high ^= low >> 32
        high = (high ^ high >> 33) &* 0xFF51_AFD7_ED55_8CCD
        high = (high ^ high >> 33) &* 0xC4CE_B9FE_1A85_EC53
        high ^= high >> 33
        low ^= high >> 17
        low = (low ^ low >> 33) &* 0xFF51_AFD7_ED55_8CCD
        low = (low ^ low >> 33) &* 0xC4CE_B9FE_1A85_EC53
        low ^= low >> 33
    }

    @inline(__always)
    private mutating func add(_ digest: JSONDigest) {
        high &+= digest.high
        low &+= digest.low
    }

    // MARK: The walk

    /// A container that is open.
    private struct Frame {
        var isObject: Bool
        /// The name of the member whose value comes next.
        var key: JSONDigest?
        var sum: JSONDigest
        var count: UInt64 = 0
    }

    private struct Walk {
        private var frames: [Frame] = []
        private var result: JSONDigest?

        mutating func run(_ text: UnsafeRawBufferPointer) -> JSONDigest? {
            var cursor = JSONCursor(text)
            cursor.skipSeparators()
            while result == nil, let byte = cursor.current {
                switch byte {
                case UInt8(ascii: "\""):
                    let start = cursor.at
                    let form = cursor.skipString()
                    let content = start + 1..<max(start + 1, cursor.at - 1)
                    take(
                        string: JSONDigest.string(
                            text.part(content), form))
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    guard frames.count < JSONDigest.depthMax else { return nil }
                    if frames.isEmpty { frames.reserveCapacity(8) }
                    frames.append(
                        Frame(
                            isObject: byte == UInt8(ascii: "{"), sum: JSONDigest(tag: byte)))
                    cursor.step()
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    guard let frame = frames.popLast() else { return nil }
                    var digest = frame.sum
                    digest.take(frame.count)
                    digest.finish()
                    take(value: digest)
                    cursor.step()
                default:
                    let start = cursor.at
                    cursor.skipValue()
                    var digest = JSONDigest(tag: 1)
                    digest.take(text.part(start..<cursor.at))
                    digest.finish()
                    take(value: digest)
                }
                cursor.skipSeparators()
            }
            return result
        }

        /// A member's name, or a value.
        private mutating func take(string digest: JSONDigest) {
            let top = frames.count - 1
            guard top >= 0, frames[top].isObject, frames[top].key == nil else {
                return take(value: digest)
            }
            frames[top].key = digest
        }

        private mutating func take(value: JSONDigest) {
            let top = frames.count - 1
            guard top >= 0 else { return result = value }
            frames[top].count += 1
            if let key = frames[top].key {
                frames[top].key = nil
                // A sum: the order of members does not count.
                frames[top].sum.add(key.followed(by: value))
            } else {
                frames[top].sum.take(value)
            }
        }
    }

    private static func string(
        _ content: UnsafeRawBufferPointer, _ form: JSONString.Form
    ) -> JSONDigest {
        guard form == .escaped else { return JSONDigest(string: content) }
        if let meant = JSONString.unescape(content) {
            return meant.withUnsafeBytes { JSONDigest(string: $0) }
        }
        // Half a surrogate pair has no characters: the text itself counts.
        var digest = JSONDigest(tag: 2)
        digest.take(content)
        digest.finish()
        return digest
    }
}
