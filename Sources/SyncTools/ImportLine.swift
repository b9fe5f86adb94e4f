// A line of an import (NDJSON): the first one may say what follows, every other one is a record.
// Checked as a push is checked, and by the same limits.

import MizuBytes
import MizuSync

/// What an export says in its first line.
struct ExportHeader: Equatable {
    let recordCount: Int?
    let checksum: String?

    /// Nil where the line is no such line.
    /// - Throws: what is wrong with it, for people.
    init?(_ line: ByteSlice) throws(LineFlaw) {
        guard let value = try? JSON.parse(line), value.kind == .object,
            let format = value.member("mizu_export")
        else { return nil }
        guard format.int == ScopeExport.format else {
            throw LineFlaw("it was exported by another version of mizu")
        }
        recordCount = value.member("records")?.int
        checksum = value.member("checksum")?.string
    }
}

/// A record to be imported.
struct ImportLine {
    let key: RecordKey
    /// Where it was exported; nil where it was made by another program.
    let version: Int?
    /// An object.
    let data: JSONValue

    /// - Throws: what is wrong with it, for people.
    init(_ line: ByteSlice, limits: SyncLimits) throws(LineFlaw) {
        let members: [JSONValue?]
        do throws(JSONError) {
            members = try JSON.parse(line, depthMax: limits.nestingMax + 1)
                .members(named: ["entity", "id", "data", "version"])
        } catch {
            throw LineFlaw("\(error.reason) at byte \(error.offset)")
        }
        guard members.count == 4 else { throw LineFlaw("expected an object") }
        key = RecordKey(
            entity: try Self.name(members[0], "entity"), id: try Self.name(members[1], "id"))
        guard let data = members[2], data.kind == .object else {
            throw LineFlaw("data: expected an object")
        }
        guard data.bytes.count <= limits.recordBytesMax else {
            throw LineFlaw("data: more than \(limits.recordBytesMax) bytes")
        }
        self.data = data
        version = members[3]?.int
        if members[3] != nil, version == nil { throw LineFlaw("version: expected a cursor") }
    }

    private static func name(_ value: JSONValue?, _ member: String) throws(LineFlaw) -> Name {
        guard let name = value?.utf8.flatMap({ Name($0) }) else {
            throw LineFlaw(
                "\(member): expected a string of 1 to 128 bytes without control characters")
        }
        return name
    }
}

/// What is wrong with a line, for people.
struct LineFlaw: Error {
    let text: String
    init(_ text: String) { self.text = text }
}
