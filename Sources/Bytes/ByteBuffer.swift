// A growable buffer that is written at one end and read at the other: what arrived and is not yet
// parsed, what is composed and not yet sent. Owns its memory, one owner, one thread.
// It knows no socket: `Transport` fills and drains it through the unsafe views, each of which
// says how many bytes it may touch.

public struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    public private(set) var capacity: Int
    /// Where unread bytes begin and end, counted from `base`.
    public private(set) var readOffset = 0
    @usableFromInline var writeOffset = 0

    /// Allocates `capacity` bytes (at least 1).
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Unread bytes.
    @inlinable
    public var count: Int { writeOffset - readOffset }
    @inlinable
    public var isEmpty: Bool { writeOffset == readOffset }

    /// The unread bytes; valid until the buffer next changes.
    @inlinable
    public var readable: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + readOffset, count: writeOffset - readOffset)
    }

    /// The unread bytes, for changing in place (unmasking); valid until the buffer next changes.
    @inlinable
    public var mutableReadable: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base + readOffset, count: writeOffset - readOffset)
    }

    /// The room behind the bytes; write there, then say how much with `advance(written:)`.
    @inlinable
    public var writable: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base + writeOffset, count: capacity - writeOffset)
    }

    /// Counts `count` bytes, written through `writable`, as content.
    @inlinable
    public mutating func advance(written count: Int) {
        precondition(count >= 0 && count <= capacity - writeOffset, "ByteBuffer written past end")
        writeOffset += count
    }

    /// Drops `count` bytes from the front.
    public mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "ByteBuffer read past end")
        readOffset += count
        if readOffset == writeOffset {
            readOffset = 0
            writeOffset = 0
        }
    }

    /// Drops the bytes behind the first `count`.
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "ByteBuffer truncated past end")
        writeOffset = readOffset + count
    }

    /// Forgets all bytes, keeps the memory.
    public mutating func removeAll() {
        readOffset = 0
        writeOffset = 0
    }

    /// Makes room for `count` more bytes: moves the unread to the front, or grows to twice.
    @inlinable
    public mutating func reserve(_ count: Int) {
        if count > capacity - writeOffset { makeRoom(count) }
    }

    @usableFromInline
    mutating func makeRoom(_ extra: Int) {
        let unread = writeOffset - readOffset
        if unread + extra <= capacity && readOffset >= capacity / 2 {
            base.copyMemory(from: base + readOffset, byteCount: unread)
        } else {
            capacity = max(capacity * 2, unread + extra)
            let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
            grown.copyMemory(from: base + readOffset, byteCount: unread)
            base.deallocate()
            base = grown
        }
        readOffset = 0
        writeOffset = unread
    }

    /// Hands the bytes over as a slice that others may share, without copying them, and
    /// starts again with fresh memory of `capacity` bytes. `ledger` counts the bytes for as long as
    /// anybody holds them.
    public mutating func takeSlice(
        leaving capacity: Int = 64, charging ledger: ByteLedger? = nil
    ) -> ByteSlice {
        let unread = count
        if readOffset > 0 { base.copyMemory(from: base + readOffset, byteCount: unread) }
        let owner = SharedBytes(adopting: base, count: unread, charging: ledger)
        self.capacity = max(1, capacity)
        base = .allocate(byteCount: self.capacity, alignment: 16)
        readOffset = 0
        writeOffset = 0
        return ByteSlice(owner)
    }

    /// Ends the buffer and hands its bytes over as a slice that others may share, without copying
    /// them. `ledger` counts the bytes for as long as anybody holds them.
    public consuming func finish(charging ledger: ByteLedger? = nil) -> ByteSlice {
        let (base, unread) = (base, count)
        if readOffset > 0 { base.copyMemory(from: base + readOffset, byteCount: unread) }
        // The slice owns the memory now.
        discard self
        return ByteSlice(SharedBytes(adopting: base, count: unread, charging: ledger))
    }
}

extension ByteBuffer {
    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base.storeBytes(of: byte, toByteOffset: writeOffset, as: UInt8.self)
        writeOffset += 1
    }

    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (base + writeOffset).copyMemory(from: source, byteCount: bytes.count)
        writeOffset += bytes.count
    }

    /// Appends the literal's bytes from where they stand in `.rodata`.
    @inlinable
    public mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ slice: ByteSlice) {
        slice.withUnsafeBytes { append($0) }
    }

    /// Appends the text's UTF-8. A literal takes the `StaticString` way: a copy from `.rodata`.
    @_disfavoredOverload
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends `value` in hexadecimal digits (small letters), without leading zeros unless it has
    /// fewer than `digitsMin`.
    public mutating func append(hexadecimal value: UInt64, digitsMin: Int = 1) {
        let count = max(digitsMin, (67 - value.leadingZeroBitCount) / 4)
        reserve(count)
        var index = count
        var rest = value
        while index > 0 {
            index -= 1
            base.storeBytes(
                of: Hex.digit(UInt8(truncatingIfNeeded: rest)), toByteOffset: writeOffset + index,
                as: UInt8.self)
            rest >>= 4
        }
        writeOffset += count
    }

    /// Appends `value` in decimal digits.
    public mutating func append(decimal value: Int) {
        var magnitude = value.magnitude
        reserve(20)
        if value < 0 { append(UInt8(ascii: "-")) }
        let start = writeOffset
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        var (low, high) = (start, writeOffset - 1)
        while low < high {
            let a = base.load(fromByteOffset: low, as: UInt8.self)
            let b = base.load(fromByteOffset: high, as: UInt8.self)
            base.storeBytes(of: b, toByteOffset: low, as: UInt8.self)
            base.storeBytes(of: a, toByteOffset: high, as: UInt8.self)
            low += 1
            high -= 1
        }
    }
}
