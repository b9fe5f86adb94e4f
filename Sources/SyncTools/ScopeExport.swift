// The records of a scope as lines of JSON (NDJSON): first where the scope was, then a record a
// line, in the order of keys. For other programs, and for `ScopeImport`. What is counted in the
// first line is compared with what was written, so that a damaged scope is not exported in silence.

import CLinux
import CSQLite
import Glibc
import MizuBytes
import MizuSync
import MizuSyncSQLite

/// What was exported.
package struct ExportReport: Sendable {
    package let scope: Name
    package let head: Position
    package let recordCount: Int
    package let byteCount: Int
}

package enum ScopeExport {
    /// The number in the first line.
    package static let format = 1

    /// Writes the scope's records. Blocks.
    /// - Parameter target: a new file, which gets its name when it is complete; nil: standard
    ///   output.
    package static func run(
        _ path: String, scope: Name, to target: String?, progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> ExportReport {
        if let target, DatabasePath.exists(target) {
            throw ToolFailure("\(target) is there already", hint: "name another file")
        }
        let whole = try WholeDatabase.open(path, progress: progress)
        guard let target else {
            var lines = LineWriter(descriptor: 1, name: "standard output")
            return try write(scope, of: whole, to: &lines, progress)
        }
        let temporary = DatabasePath.aside(target)
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ToolFailure(cannot: "write", target, -errno) }
        defer {
            close(descriptor)
            unlink(temporary)
        }
        var lines = LineWriter(descriptor: descriptor, name: target)
        let report = try write(scope, of: whole, to: &lines, progress)
        guard fsync(descriptor) == 0 else { throw ToolFailure(cannot: "write", target, -errno) }
        try DatabasePath.place(temporary, at: target)
        return report
    }

    private static func write(
        _ scope: Name, of whole: WholeDatabase, to lines: inout LineWriter,
        _ progress: ToolProgress
    ) throws(ToolFailure) -> ExportReport {
        let found = try storing { () throws(StoreError) in
            try whole.database.state(of: scope)
        }
        guard let state = found else {
            throw ToolFailure("there is no scope \"\(scope)\" in \(whole.path)")
        }
        try lines.write(header(of: scope, state))
        var (count, checksum) = (0, ScopeChecksum.empty)
        var failure: ToolFailure?
        try storing { () throws(StoreError) in
            try whole.database.visitRecords(in: scope) { key, record in
                do throws(ToolFailure) {
                    try lines.write(line(of: key, record))
                } catch {
                    failure = error
                    return .stop
                }
                count += 1
                checksum.add(key, version: record.version)
                if count % 1000 == 0 { progress("\(count) of \(state.recordCount) records") }
                return .next
            }
        }
        if let failure { throw failure }
        try lines.flush()
        guard count == state.recordCount, checksum == state.checksum else {
            throw ToolFailure(
                VerificationFault(
                    scope: scope, place: "state",
                    message: "the records are not those that were counted"),
                hint: "mizu sync verify says more")
        }
        return ExportReport(
            scope: scope, head: state.head, recordCount: count, byteCount: lines.byteCount)
    }

    private static func header(of scope: Name, _ state: ScopeState) -> ByteSlice {
        var json = JSONWriter()
        json.beginObject()
        json.key("mizu_export")
        json.int(format)
        json.key("scope")
        json.string(scope.string)
        json.key("cursor")
        json.int(state.head.cursor)
        json.key("epoch")
        json.string(state.head.epoch.string)
        json.key("records")
        json.int(state.recordCount)
        json.key("checksum")
        json.string(ByteSlice(state.checksum.text))
        json.endObject()
        return json.finish()
    }

    private static func line(of key: RecordKey, _ record: StoredRecord) -> ByteSlice {
        var json = JSONWriter(capacity: record.json.count + 96)
        json.beginObject()
        json.key("entity")
        json.string(key.entity.string)
        json.key("id")
        json.string(key.id.string)
        json.key("version")
        json.int(record.version)
        json.key("data")
        json.raw(onOneLine(record.json))
        json.endObject()
        return json.finish()
    }

    /// A line break in JSON stands between tokens only, where a space is the same.
    private static func onOneLine(_ json: ByteSlice) -> ByteSlice {
        let breaks: [UInt8] = [0x0A, 0x0D]
        guard json.withUnsafeBytes({ $0.contains(where: breaks.contains) }) else { return json }
        return ByteSlice(json.array.map { breaks.contains($0) ? 0x20 : $0 })
    }
}

extension ScopeChecksum {
    /// As on the wire: 16 hexadecimal digits.
    var text: [UInt8] { Hex.encode(bits) }
}

/// Gathers lines and writes them.
struct LineWriter: ~Copyable {
    private let descriptor: Int32
    private let name: String
    private var buffer = ByteBuffer(capacity: 1 << 16)
    private(set) var byteCount = 0

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    mutating func write(_ line: ByteSlice) throws(ToolFailure) {
        buffer.append(line)
        buffer.append(UInt8(ascii: "\n"))
        byteCount += line.count + 1
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func flush() throws(ToolFailure) {
        let bytes = buffer.readable
        let written = cl_write(descriptor, bytes.baseAddress, bytes.count)
        guard written >= 0 else { throw ToolFailure(cannot: "write", name, Int32(written)) }
        buffer.removeAll()
    }
}
