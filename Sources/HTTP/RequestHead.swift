// What a request head says, as ranges into the bytes that it was parsed from.
// A worker keeps one and has it filled again and again: its table stays, so parsing
// allocates nothing. Whoever parks a request with an unfinished body parses its head once more
// when the body is there: that is cheaper than a table for each connection.

import CScan
import MizuBytes

/// A part of a head: offset from the head's first byte, and length, in bytes.
public struct HeadRange: Sendable, Equatable {
    public var offset: UInt16
    public var count: UInt16

    @inlinable
    public init(offset: UInt16, count: UInt16) {
        self.offset = offset
        self.count = count
    }

    public static let empty = HeadRange(offset: 0, count: 0)

    @inlinable
    public var isEmpty: Bool { count == 0 }

    /// These bytes of `head`, the buffer that was parsed; empty where they do not fit in it.
    @inlinable
    public func bytes(in head: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard let base = head.baseAddress, Int(offset) + Int(count) <= head.count else {
            return .empty
        }
        return UnsafeRawBufferPointer(start: base + Int(offset), count: Int(count))
    }
}

/// One field line: name and value without the white space around it.
public struct FieldRange: Sendable, Equatable {
    public var name: HeadRange
    public var value: HeadRange

    @inlinable
    public init(name: HeadRange, value: HeadRange) {
        self.name = name
        self.value = value
    }
}

/// How the end of a message's body is found (RFC 9112 §6.3).
public enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// Answers only: the body ends where the connection does.
    case untilClose
}

/// The form of a request target (RFC 9112 §3.2).
public enum TargetForm: UInt8, Sendable {
    case origin, absolute, authority, asterisk
}

public struct RequestHead: Sendable {
    public internal(set) var method = HTTPMethod.get
    public internal(set) var form = TargetForm.origin
    /// 0 or 1: the digit behind `HTTP/1.`.
    public internal(set) var minorVersion: UInt8 = 1
    /// Whether the connection may serve another request after this one (RFC 9112 §9.3).
    public internal(set) var keepsAlive = true
    /// The client has said `Connection: keep-alive`, which HTTP/1.1 need not say: it wants to know.
    public internal(set) var saysKeepAlive = false
    /// `Expect: 100-continue`: send 100 before the body is read, or a final status instead of it.
    public internal(set) var expectsContinue = false
    /// Both `Connection: upgrade` and `Upgrade` are there (RFC 9110 §7.8).
    public internal(set) var wantsUpgrade = false
    public internal(set) var framing = BodyFraming.none

    /// The method's text; needed for `.other` only.
    public internal(set) var methodRange = HeadRange.empty
    public internal(set) var target = HeadRange.empty
    /// Empty where the target has no path (`*`, CONNECT, `http://host`); else begins with `/`.
    public internal(set) var path = HeadRange.empty
    /// What follows the first `?`; empty if there is none.
    public internal(set) var query = HeadRange.empty
    /// `uri-host[:port]` of the target if it has one, else of `Host` (RFC 9112 §3.2.2).
    public internal(set) var host = HeadRange.empty
    /// Room for all lines; those from `fieldCount` on are of earlier heads.
    private var table: [FieldRange]
    public private(set) var fieldCount = 0

    /// A table with room for `fieldsMax` lines, so that parsing never allocates.
    public init(fieldsMax: Int = HTTPLimits.default.fieldsMax) {
        table = Array(
            repeating: FieldRange(name: .empty, value: .empty), count: max(1, fieldsMax))
    }

    /// The field lines, in order.
    public var fields: ArraySlice<FieldRange> { table[..<fieldCount] }

    @inline(__always)
    mutating func append(_ field: FieldRange) {
        // Only where `init` was told of fewer lines than the limits allow.
        if fieldCount == table.count { table += table }
        table[fieldCount] = field
        fieldCount += 1
    }

    /// Lines that the table has room for.
    @inline(__always)
    var fieldRoom: Int { table.count }

    @inline(__always)
    func line(_ index: Int) -> FieldRange { table[index] }

    /// The same with a table of its own that has room for nothing more.
    var compacted: RequestHead {
        var head = self
        head.table = Array(table[..<fieldCount])
        return head
    }

    /// Becomes a copy of `other`, in the memory of its own table if that has the room.
    mutating func copy(_ other: RequestHead) {
        var own: [FieldRange] = []
        swap(&own, &table)
        let count = other.fieldCount
        if own.count < count {
            own = Array(other.table[..<count])
        } else {
            own.withUnsafeMutableBytes { own in
                other.table.withUnsafeBytes {
                    own.copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: $0[..<(count * MemoryLayout<FieldRange>.stride)]))
                }
            }
        }
        self = other
        table = own
    }

    /// Calls `body` with the table, `fieldRoom` lines; it may write those from `fieldCount` on.
    @inline(__always)
    mutating func withLines<R>(_ body: (UnsafeMutablePointer<cscan_line>) -> R) -> R? {
        // Both types are four UInt16 in this order.
        table.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { body($0.assumingMemoryBound(to: cscan_line.self)) }
        }
    }

    /// Counts `count` lines, written with `withLines`, as part of the head.
    @inline(__always)
    mutating func count(appended count: Int) { fieldCount += count }

    /// The value of the first line named `name` (lower case), compared without case. O(fields).
    /// - Parameter bytes: the buffer that this head was parsed from.
    public func first(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> HeadRange? {
        for index in 0..<fieldCount where table[index].name.count == name.utf8CodeUnitCount {
            let field = table[index]
            if field.name.bytes(in: bytes).equalsIgnoringCase(name) { return field.value }
        }
        return nil
    }

    /// Forgets everything, keeps the table's memory.
    @inline(__always)
    mutating func reset() {
        method = .get
        form = .origin
        minorVersion = 1
        keepsAlive = true
        saysKeepAlive = false
        expectsContinue = false
        wantsUpgrade = false
        framing = .none
        methodRange = .empty
        target = .empty
        path = .empty
        query = .empty
        host = .empty
        fieldCount = 0
    }
}
