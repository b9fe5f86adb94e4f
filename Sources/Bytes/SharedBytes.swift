// Bytes that several owners hold and nobody changes: a change written once and sent to 20,000
// sockets, a request's body on its way to the committer, an asset in `.rodata`.
// `SharedBytes` owns the memory; `ByteSlice` is a counted reference to a part of it.
// Any thread. Never mutable after init: to build bytes use `ByteBuffer`.

/// An immutable run of bytes with a reference count.
///
/// `@unchecked Sendable`, the only one of the package. Proof: `base` and `count` are `let`; the
/// memory behind `base` is written only inside `init`, before any other thread can hold a
/// reference, and freed only in `deinit`, when nobody holds one. `ledger` is Sendable itself.
public final class SharedBytes: @unchecked Sendable {
    public let base: UnsafeRawPointer
    public let count: Int
    private let isOwned: Bool
    /// Where the memory is counted, from init to deinit.
    private let ledger: ByteLedger?
    /// Lives as long as the process, whoever refers to it.
    public let isPermanent: Bool

    /// Whether to hold this costs memory that nobody has counted: it is neither permanent nor in a
    /// ledger.
    public var isUncounted: Bool { !isPermanent && ledger == nil }

    /// Copies `bytes` into memory of its own. O(n).
    /// - Parameter isPermanent: it is kept for as long as the process lives.
    public init(
        copying bytes: UnsafeRawBufferPointer, charging ledger: ByteLedger? = nil,
        isPermanent: Bool = false
    ) {
        self.isPermanent = isPermanent
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
        if let source = bytes.baseAddress, bytes.count > 0 {
            memory.copyMemory(from: source, byteCount: bytes.count)
        }
        base = UnsafeRawPointer(memory)
        count = bytes.count
        isOwned = true
        self.ledger = ledger
        ledger?.add(count)
    }

    /// Allocates `count` bytes and lets `fill` write all of them. O(n).
    public init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, count), alignment: 8)
        let whole = UnsafeMutableRawBufferPointer(start: memory, count: count)
        whole.initializeMemory(as: UInt8.self, repeating: 0)
        fill(whole)
        isPermanent = false
        base = UnsafeRawPointer(memory)
        self.count = count
        isOwned = true
        ledger = nil
    }

    /// Takes over memory from `UnsafeMutableRawPointer.allocate`; frees it in the end.
    public init(
        adopting base: UnsafeMutableRawPointer, count: Int, charging ledger: ByteLedger? = nil
    ) {
        self.base = UnsafeRawPointer(base)
        self.count = count
        isPermanent = false
        isOwned = true
        self.ledger = ledger
        ledger?.add(count)
    }

    /// Refers to memory that lives as long as the process (`.rodata`); never frees it.
    public init(static base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
        isPermanent = true
        isOwned = false
        ledger = nil
    }

    deinit {
        ledger?.subtract(count)
        if isOwned { UnsafeMutableRawPointer(mutating: base).deallocate() }
    }
}

/// A counted reference to a part of a `SharedBytes`. Copying it costs one retain.
public struct ByteSlice: Sendable {
    public let owner: SharedBytes
    public let offset: Int
    public let count: Int

    public static let empty = ByteSlice([UInt8]())

    public init(_ owner: SharedBytes) {
        self.owner = owner
        offset = 0
        count = owner.count
    }

    /// Copies `bytes`. O(n).
    public init(copying bytes: UnsafeRawBufferPointer, charging ledger: ByteLedger? = nil) {
        self.init(SharedBytes(copying: bytes, charging: ledger))
    }

    /// Copies `bytes`. O(n).
    public init(_ bytes: [UInt8]) {
        self.init(bytes.withUnsafeBytes { SharedBytes(copying: $0) })
    }

    /// Copies the UTF-8 of `text`. O(n).
    public init(_ text: String) {
        var text = text
        self.init(text.withUTF8 { SharedBytes(copying: UnsafeRawBufferPointer($0)) })
    }

    /// Refers to the literal where it stands in `.rodata`; copies nothing.
    public init(literal text: StaticString) {
        self.init(SharedBytes(static: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private init(owner: SharedBytes, offset: Int, count: Int) {
        self.owner = owner
        self.offset = offset
        self.count = count
    }

    public var isEmpty: Bool { count == 0 }
    public var indices: Range<Int> { 0..<count }

    /// The byte at `index`, counted from the slice's own start. Traps outside `0..<count`.
    @inlinable
    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "ByteSlice index out of range")
        return owner.base.load(fromByteOffset: offset + index, as: UInt8.self)
    }

    /// The part `range` (own coordinates), sharing the owner. Traps when it does not fit.
    public subscript(range: Range<Int>) -> ByteSlice {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "ByteSlice range out of bounds")
        return ByteSlice(owner: owner, offset: offset + range.lowerBound, count: range.count)
    }

    /// Calls `body` with the bytes; the pointer must not outlive the call.
    @inlinable
    public func withUnsafeBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: owner.base + offset, count: count))
    }

    /// A copy as an array. O(n).
    public var array: [UInt8] { withUnsafeBytes { [UInt8]($0) } }

    /// The bytes as text, ill-formed UTF-8 repaired. For logs and edges. O(n).
    public var string: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

    /// A copy that is kept for as long as the process lives, as a file that is served is. O(n).
    public var permanent: ByteSlice {
        withUnsafeBytes { ByteSlice(SharedBytes(copying: $0, isPermanent: true)) }
    }

    /// A slice with memory of its own, so that a short name does not keep a long body alive. O(n).
    public var compacted: ByteSlice { withUnsafeBytes { ByteSlice(copying: $0) } }
}

extension ByteSlice: Hashable {
    /// Byte for byte; no Unicode normalisation.
    public static func == (left: ByteSlice, right: ByteSlice) -> Bool {
        left.withUnsafeBytes { a in right.withUnsafeBytes { b in ASCII.equal(a, b) } }
    }

    public func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension ByteSlice: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}
