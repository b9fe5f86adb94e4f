// A stack of plain rows, for what a page nests: to push and to pop one costs a comparison, not a
// look at who else holds an array. One owner, one thread.

struct Stack<Row: BitwiseCopyable>: ~Copyable {
    private var base: UnsafeMutablePointer<Row>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 32) {
        self.capacity = max(1, capacity)
        base = .allocate(capacity: self.capacity)
    }

    // Rows need no deinitialization.
    deinit { base.deallocate() }

    /// The row that was pushed last; there must be one.
    var top: Row {
        @inline(__always) get {
            precondition(count > 0, "Stack is empty")
            return base[count - 1]
        }
        @inline(__always) set {
            precondition(count > 0, "Stack is empty")
            base[count - 1] = newValue
        }
    }

    /// The row at `index`, counted from the first that was pushed.
    subscript(index: Int) -> Row {
        @inline(__always) get {
            precondition(index >= 0 && index < count, "Stack index out of range")
            return base[index]
        }
    }

    @inline(__always)
    mutating func push(_ row: Row) {
        if count == capacity { grow() }
        (base + count).initialize(to: row)
        count += 1
    }

    /// Takes the last row; nil if there is none.
    @inline(__always)
    mutating func pop() -> Row? {
        guard count > 0 else { return nil }
        count -= 1
        return base[count]
    }

    /// Drops the rows behind the first `count`.
    @inline(__always)
    mutating func truncate(to count: Int) {
        precondition(count >= 0, "Stack truncated below its first row")
        self.count = min(self.count, count)
    }

    private mutating func grow() {
        let grown = UnsafeMutablePointer<Row>.allocate(capacity: capacity * 2)
        grown.moveInitialize(from: base, count: count)
        base.deallocate()
        base = grown
        capacity *= 2
    }
}
