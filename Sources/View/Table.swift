// Rows of plain numbers in one piece of shared memory: what a renderer reads at each step without
// counting references or checking bounds. Immutable; any thread.

import MizuBytes

/// A list whose rows may be read through a pointer for as long as the table lives.
struct Table<Row: BitwiseCopyable & Sendable>: Sendable {
    private let memory: SharedBytes
    let count: Int

    /// Copies `rows`. O(n).
    init(_ rows: [Row]) {
        count = rows.count
        memory = SharedBytes(count: max(1, rows.count) * MemoryLayout<Row>.stride) { target in
            _ = target.initializeMemory(as: Row.self, from: rows)
        }
    }

    /// The first row; valid while the table lives.
    var base: UnsafePointer<Row> {
        // Bound to that type in init; SharedBytes aligns to 8 bytes, and no row here asks for more.
        memory.base.assumingMemoryBound(to: Row.self)
    }

    subscript(index: Int) -> Row {
        precondition(index >= 0 && index < count, "Table index out of range")
        return base[index]
    }
}
