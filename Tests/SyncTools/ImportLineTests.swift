// Lines that an import takes, and lines that it does not.

import MizuBytes
import MizuSync
import Testing

@testable import MizuSyncTools

@Suite("A line of an import is a record, or is refused in words")
struct ImportLineTests {
    private func flaw(_ line: String) -> String? {
        do throws(LineFlaw) {
            _ = try ImportLine(ByteSlice(line), limits: SyncLimits())
            return nil
        } catch {
            return error.text
        }
    }

    @Test("a record is read, with or without a version, whatever else stands there")
    func records() {
        #expect(flaw(#"{"entity":"todo","id":"1","data":{}}"#) == nil)
        #expect(flaw(#"{"entity":"todo","id":"1","version":3,"data":{"a":[1]}}"#) == nil)
        #expect(flaw(#"{"data":{},"id":"\u00e9","entity":"todo","more":1}"#) == nil)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "x", "[]", "3", #"{"entity":"todo","id":"1"}"#, #"{"entity":"todo","data":{}}"#,
            #"{"entity":"","id":"1","data":{}}"#, #"{"entity":"todo","id":"1","data":[]}"#,
            #"{"entity":"todo","id":"1","data":{},"id":"2"}"#,
            #"{"entity":"todo","id":"1","version":-1,"data":{}}"#,
            #"{"entity":"todo","id":1,"data":{}}"#, #"{"entity":"todo","id":"1","data":{}"#,
            #"{"entity":"todo","id":"a\u0007","data":{}}"#,
        ])
    func refused(_ line: String) { #expect(flaw(line) != nil) }

    @Test("a record that no push could write is refused")
    func tooLarge() {
        let text = String(repeating: "x", count: SyncLimits().recordBytesMax)
        #expect(
            flaw(#"{"entity":"t","id":"1","data":{"a":"\#(text)"}}"#)?.contains("bytes") == true)
        let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
        #expect(flaw(#"{"entity":"t","id":"1","data":{"a":\#(deep)}}"#) != nil)
    }

    @Test("a first line of another version is refused, a record is no first line")
    func headers() throws {
        #expect(throws: LineFlaw.self) { try ExportHeader(ByteSlice(#"{"mizu_export":2}"#)) }
        let record = try ExportHeader(ByteSlice(#"{"entity":"todo","id":"1","data":{}}"#))
        #expect(record == nil)
        let header = try ExportHeader(
            ByteSlice(#"{"mizu_export":1,"scope":"s","records":4,"checksum":"00"}"#))
        #expect(header?.recordCount == 4)
        #expect(header?.checksum == "00")
    }
}
