// The names that the templates of a set ask the data for, each with a number. Made when the set is
// linked; while a page is rendered, a member's key becomes its number or is passed over.
// Immutable; any thread.

import MizuBytes

/// Names and their numbers, counted from 0 in the order in which they were added.
struct SymbolTable: Sendable {
    /// A name's place in `bytes`.
    private struct Name: BitwiseCopyable, Sendable {
        let ends: NameEnds
        let offset: Int
    }

    private let names: Table<Name>
    private let bytes: Table<UInt8>
    /// Numbers of names by their hashes, -1 where there is none; open addressing, at most half
    /// full.
    private let slots: Table<Int32>
    private let mask: Int

    var count: Int { names.count }

    /// Gathers names, each once.
    struct Builder {
        fileprivate var names: [ViewKey] = []
        private var numbers: [ByteSlice: Int] = [:]

        mutating func number(of name: ViewKey) -> Int {
            let bytes = name.bytes
            if let number = numbers[bytes] { return number }
            numbers[bytes] = names.count
            names.append(name)
            return names.count - 1
        }
    }

    init(_ builder: Builder) {
        var bytes: [UInt8] = []
        var capacity = 8
        while capacity < 2 * builder.names.count { capacity *= 2 }
        let mask = capacity - 1
        var slots = [Int32](repeating: -1, count: capacity)
        var names: [Name] = []
        for (number, name) in builder.names.enumerated() {
            var slot = SymbolTable.slot(of: name.ends, mask)
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            // A set with more names than that has no memory for its templates.
            slots[slot] = Int32(clamping: number)
            names.append(Name(ends: name.ends, offset: bytes.count))
            name.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        self.mask = mask
        self.names = Table(names)
        self.slots = Table(slots)
        self.bytes = Table(bytes)
    }

    @inline(__always)
    private static func slot(of ends: NameEnds, _ mask: Int) -> Int {
        Int(truncatingIfNeeded: ends.hash >> 40) & mask
    }

    /// The number of the name with these ends; -1 where there is none.
    /// - Parameter hasBytes: asked whether the name has these bytes, if its ends are not all of it.
    @inline(__always)
    func number(of ends: NameEnds, hasBytes: (UnsafeRawBufferPointer) -> Bool) -> Int {
        var slot = SymbolTable.slot(of: ends, mask)
        while true {
            let number = Int(slots.base[slot])
            guard number >= 0 else { return -1 }
            let name = names.base[number]
            if name.ends == ends, ends.isWhole || hasBytes(bytes(of: name)) { return number }
            slot = (slot + 1) & mask
        }
    }

    private func bytes(of name: Name) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes.base + name.offset, count: name.ends.count)
    }
}
