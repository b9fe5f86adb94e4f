// One statement with its parameters, as the protocol's binary format has them: whole numbers of 8
// bytes in network order, names and JSON as bytea, and arrays of both, of which `unnest` makes
// rows.
// Nothing of a parameter is ever part of the statement's text, and no text encoding can refuse it.

import MizuBytes
import MizuSync

/// A statement's text, known by its name to a connection that keeps it prepared.
struct Statement: Sendable {
    let name: StaticString
    let text: StaticString

    init(_ name: StaticString, _ text: StaticString) {
        self.name = name
        self.text = text
    }
}

/// A statement and what it is asked with.
struct Query {
    let statement: Statement
    private(set) var types: [UInt32] = []
    /// All parameters, one behind the other.
    private(set) var bytes: [UInt8] = []
    private(set) var ranges: [Range<Int>] = []

    init(_ statement: Statement) { self.statement = statement }

    private enum OID {
        static let bytea: UInt32 = 17
        static let int8: UInt32 = 20
        static let byteas: UInt32 = 1001
        static let int8s: UInt32 = 1016
    }

    private mutating func add(_ type: UInt32, _ write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        types.append(type)
        ranges.append(start..<bytes.count)
    }

    // Each takes the query over, so that nothing of it is copied.

    consuming func with(_ number: Int) -> Query {
        add(OID.int8) { $0.append(bigEndian: number) }
        return self
    }

    consuming func with(_ number: Int64) -> Query { with(Int(number)) }

    consuming func with(_ name: Name?) -> Query {
        add(OID.bytea) { bytes in name?.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return self
    }

    consuming func with(_ content: [UInt8]) -> Query {
        add(OID.bytea) { $0.append(contentsOf: content) }
        return self
    }

    consuming func with(_ slice: ByteSlice) -> Query {
        add(OID.bytea) { bytes in slice.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return self
    }

    consuming func with(_ names: [Name]) -> Query {
        var column = Column(capacity: names.count)
        for name in names { column.append(name) }
        return with(column)
    }

    consuming func with(_ column: Column) -> Query {
        add(OID.byteas) { column.write(to: &$0, type: OID.bytea) }
        return self
    }

    consuming func with(_ column: NumberColumn) -> Query {
        add(OID.int8s) { column.write(to: &$0, type: OID.int8) }
        return self
    }
}

/// Byte strings that become a column of rows.
struct Column {
    private var bytes: [UInt8] = []
    private var count = 0

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity * 24) }

    mutating func append(_ content: UnsafeRawBufferPointer) {
        bytes.append(bigEndian: Int32(truncatingIfNeeded: content.count))
        bytes.append(contentsOf: content)
        count += 1
    }

    /// Nobody is an empty string.
    mutating func append(_ name: Name?) {
        guard let name else { return append(UnsafeRawBufferPointer(start: nil, count: 0)) }
        name.withUnsafeBytes { append($0) }
    }
    mutating func append(_ slice: ByteSlice) { slice.withUnsafeBytes { append($0) } }
    mutating func append(_ content: [UInt8]) { content.withUnsafeBytes { append($0) } }

    fileprivate func write(to target: inout [UInt8], type: UInt32) {
        target.append(arrayOf: type, count: count)
        target.append(contentsOf: bytes)
    }
}

/// Whole numbers that become a column of rows.
struct NumberColumn {
    private var numbers: [Int] = []

    mutating func append(_ number: Int) { numbers.append(number) }

    fileprivate func write(to target: inout [UInt8], type: UInt32) {
        target.append(arrayOf: type, count: numbers.count)
        for number in numbers {
            target.append(bigEndian: Int32(8))
            target.append(bigEndian: number)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }

    /// The head of an array without nulls; an empty one has no dimension.
    fileprivate mutating func append(arrayOf type: UInt32, count: Int) {
        append(bigEndian: Int32(count == 0 ? 0 : 1))
        append(bigEndian: Int32(0))
        append(bigEndian: type)
        guard count > 0 else { return }
        append(bigEndian: Int32(truncatingIfNeeded: count))
        append(bigEndian: Int32(1))
    }
}
