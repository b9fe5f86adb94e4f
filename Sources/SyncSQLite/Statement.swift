// One prepared statement, used again and again: bind, step, read columns, reset. Nothing need
// outlive the call of `bind`: short bytes are copied into memory of the statement's own, because
// SQLite would allocate for each of them; a long slice is held until `reset`, which copies nothing.
// Confined to its connection's thread.

import CSQLite
import MizuBytes
import MizuSync

/// A prepared statement; finalizes itself. Keeps its connection open.
final class Statement {
    private let connection: Connection
    private let raw: OpaquePointer
    private var bound: Int32 = 0
    /// Where short parameters are kept until `reset`; they never move.
    private let shorts = UnsafeMutableRawPointer.allocate(
        byteCount: Statement.shortsMax, alignment: 1)
    private var shortsCount = 0
    /// Whether SQLite holds a long one: a copy, or the memory of `held`.
    private var isHoldingLong = false
    private var held: [SharedBytes] = []
    private static let shortsMax = 512

    /// Prepares a statement whose rows are read by the names of `columns`, which may go on after
    /// the statement's last column.
    convenience init(
        _ connection: Connection, _ sql: String, columns: any Columns.Type
    ) throws(StoreError) {
        try self.init(connection, sql)
        assert(hasColumns(named: columns), "not the columns of: \(sql)")
    }

    init(_ connection: Connection, _ sql: String) throws(StoreError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(
            connection.raw, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw connection.error(code) }
        self.connection = connection
        raw = prepared
    }

    deinit {
        sqlite3_finalize(raw)
        // Behind the statement, whose parameters may point into it.
        shorts.deallocate()
    }

    /// Binds the next parameter.
    @discardableResult
    func bind(_ value: Int) -> Statement {
        bound += 1
        sqlite3_bind_int64(raw, bound, Int64(value))
        return self
    }

    @discardableResult
    func bind(_ name: Name) -> Statement { name.withUnsafeBytes { bind($0) } }

    /// Nil is an empty BLOB: no name and no JSON is empty.
    @discardableResult
    func bind(_ name: Name?) -> Statement {
        if let name { return bind(name) }
        return bind(ByteSlice.empty)
    }

    /// Binds the bytes as a BLOB: a long one without a copy.
    @discardableResult
    func bind(_ bytes: ByteSlice) -> Statement {
        guard bytes.count > Self.shortsMax - shortsCount else {
            return bytes.withUnsafeBytes { bind($0) }
        }
        bound += 1
        isHoldingLong = true
        // The memory never moves, and lives until `reset` takes the binding away.
        held.append(bytes.owner)
        sqlite3_bind_blob64(
            raw, bound, bytes.owner.base + bytes.offset, UInt64(bytes.count), nil)
        return self
    }

    @discardableResult
    func bind(_ bytes: [UInt8]) -> Statement { bytes.withUnsafeBytes { bind($0) } }

    /// Binds a copy of the bytes as a BLOB.
    private func bind(_ bytes: UnsafeRawBufferPointer) -> Statement {
        bound += 1
        guard bytes.count <= Self.shortsMax - shortsCount else {
            isHoldingLong = true
            _ = csqlite_bind_blob(raw, bound, bytes.baseAddress, Int64(bytes.count))
            return self
        }
        let short = shorts + shortsCount
        if let source = bytes.baseAddress { short.copyMemory(from: source, byteCount: bytes.count) }
        shortsCount += bytes.count
        // No destructor: SQLITE_STATIC. The bytes stay until the statement is reset.
        sqlite3_bind_blob64(raw, bound, short, UInt64(bytes.count), nil)
        return self
    }

    /// Goes to the next row; false behind the last one.
    /// - Throws: also where a binding failed (out of memory): SQLite then has NULL in its place,
    ///   which every column refuses.
    func step() throws(StoreError) -> Bool {
        let code = sqlite3_step(raw)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = connection.error(code)
            reset()
            throw error
        }
    }

    /// Runs a statement that gives no rows, and makes it ready for the next time.
    func run() throws(StoreError) {
        defer { reset() }
        _ = try step()
    }

    /// Reads the first row, if there is one, and makes the statement ready for the next time.
    func first<R>(_ read: (Statement) throws(StoreError) -> R) throws(StoreError) -> R? {
        defer { reset() }
        guard try step() else { return nil }
        return try read(self)
    }

    /// Reads row after row until `read` has enough.
    func each(_ read: (Statement) throws(StoreError) -> Visit) throws(StoreError) {
        defer { reset() }
        while try step() {
            guard case .next = try read(self) else { return }
        }
    }

    /// Ends the reading, which would otherwise hold its view of the database open.
    func reset() {
        sqlite3_reset(raw)
        assert(
            bound == 0 || bound == sqlite3_bind_parameter_count(raw),
            "all parameters are bound each time")
        if isHoldingLong {
            sqlite3_clear_bindings(raw)
            held.removeAll(keepingCapacity: true)
            isHoldingLong = false
        }
        bound = 0
        shortsCount = 0
    }
}

// MARK: Columns of the current row

/// The names of a statement's columns, in order: each case is named as its column is.
protocol Columns: RawRepresentable<Int32>, CaseIterable {}

extension Statement {
    func int(_ column: some Columns) -> Int { int(column.rawValue) }
    /// The column's bytes, good until the statement goes on.
    func bytes(_ column: some Columns) -> UnsafeRawBufferPointer {
        withBytes(column.rawValue) { $0 }
    }
    /// A copy of the column's bytes.
    func blob(_ column: some Columns) -> ByteSlice { blob(column.rawValue) }
    /// A name; nil if the column is empty.
    func name(_ column: some Columns) -> Name? { name(column.rawValue) }
    /// A name that must be there; what else is there means that the file is damaged.
    func key(_ column: some Columns) throws(StoreError) -> Name { try key(column.rawValue) }

    /// The first column, as a number.
    func int() -> Int { int(0) }
    /// A copy of the first column's bytes.
    func blob() -> ByteSlice { blob(0) }
    /// The first column, as a name; nil if it is empty.
    func name() -> Name? { name(0) }
    /// The first column, as a name that must be there.
    func key() throws(StoreError) -> Name { try key(0) }

    private func hasColumns(named columns: any Columns.Type) -> Bool {
        columns.names.prefix(Int(sqlite3_column_count(raw))).enumerated().allSatisfy {
            String(cString: sqlite3_column_name(raw, Int32($0))) == $1
        }
    }

    private func int(_ index: Int32) -> Int { Int(sqlite3_column_int64(raw, index)) }

    private func blob(_ index: Int32) -> ByteSlice { withBytes(index) { ByteSlice(copying: $0) } }

    private func name(_ index: Int32) -> Name? { withBytes(index) { Name($0) } }

    private func key(_ index: Int32) throws(StoreError) -> Name {
        guard let name = name(index) else {
            throw StoreError(.statement, "\(connection.path): a name is damaged")
        }
        return name
    }

    private func withBytes<R>(_ index: Int32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        // In this order: the first call may convert the value, the second says what came of it.
        let bytes = sqlite3_column_blob(raw, index)
        let count = Int(sqlite3_column_bytes(raw, index))
        return body(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}

extension Columns {
    fileprivate static var names: [String] { allCases.map { "\($0)" } }
}
