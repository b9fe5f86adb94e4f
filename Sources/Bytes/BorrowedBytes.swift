// Parts of bytes that somebody else owns. A part may be read for as long as the whole, and its
// indices are counted from its own start. Copies nothing.

extension UnsafeRawBufferPointer {
    /// No bytes.
    @inlinable
    package static var empty: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The bytes at `range`: `2..<5`, `2...` or `..<5`. Traps outside of the buffer.
    @inlinable
    package func part(_ range: some RangeExpression<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// Whether these bytes come before `other` in byte order, as SQLite sorts BLOBs. O(n).
    package func precedes(_ other: UnsafeRawBufferPointer) -> Bool {
        let common = Swift.min(count, other.count)
        var index = 0
        while common - index >= 8 {
            let left = loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let right = other.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard left == right else { return left.bigEndian < right.bigEndian }
            index += 8
        }
        while index < common {
            guard self[index] == other[index] else { return self[index] < other[index] }
            index += 1
        }
        return count < other.count
    }
}

extension UnsafeMutableRawBufferPointer {
    /// The bytes at `range`, for reading. Traps outside of the buffer.
    @inlinable
    package func part(_ range: some RangeExpression<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The bytes at `range`, for changing in place. Traps outside of the buffer.
    @inlinable
    package func mutablePart(
        _ range: some RangeExpression<Int>
    ) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[range])
    }
}
