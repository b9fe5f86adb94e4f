// What is made of a server's bytes: answers of HTTP, results of pushes, changes of pulls.

import MizuBytes
import MizuHTTP
import Testing

@testable import MizuBench

@Suite("Answers on one connection (RFC 9112)")
struct AnswerReaderTests {
    static let conversation =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        + "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        + "HTTP/1.1 204 No Content\r\n\r\n"
        + "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    static let answers = ["200 hello true", "404 abc true", "204  true", "200  false"]

    /// The answers in `pieces`, or what is wrong with them.
    private func read(_ pieces: [[UInt8]]) -> [String] {
        var (reader, head, found) = (AnswerReader(), ResponseHead(), [String]())
        var content = ByteBuffer(capacity: 16)
        var held: [UInt8] = []
        for piece in pieces {
            held += piece
            while true {
                let outcome = held.withUnsafeBytes {
                    reader.read($0, answering: .get, head: &head, into: &content)
                }
                if case .answer(let consumed) = outcome {
                    let body = String(decoding: content.readable, as: UTF8.self)
                    found.append("\(reader.status) \(body) \(reader.keepsAlive)")
                    content.removeAll()
                    held.removeFirst(consumed)
                    if !held.isEmpty { continue }
                }
                if case .needMore(let consumed) = outcome { held.removeFirst(consumed) }
                if case .malformed(let reason) = outcome { return found + [reason] }
                break
            }
        }
        return found
    }

    @Test("answers come out the same however the bytes were cut")
    func cuts() {
        let bytes = Array(Self.conversation.utf8)
        #expect(read([bytes]) == Self.answers)
        #expect(read(bytes.map { [$0] }) == Self.answers)
        for index in 1..<bytes.count {
            #expect(read([Array(bytes[..<index]), Array(bytes[index...])]) == Self.answers)
        }
    }

    @Test("what is no answer is refused", arguments: ["HTTP/2 200 OK\r\n\r\n", "hello\r\n\r\n  "])
    func refuses(text: String) {
        #expect(read([Array(text.utf8)]) == ["The status line is malformed."])
    }

    @Test("a body may end with the connection")
    func untilClose() {
        var (reader, head) = (AnswerReader(), ResponseHead())
        var content = ByteBuffer(capacity: 16)
        let bytes = Array("HTTP/1.1 200 OK\r\n\r\nall there is".utf8)
        _ = bytes.withUnsafeBytes {
            reader.read($0, answering: .get, head: &head, into: &content)
        }
        let wasInside = reader.isInside
        let isWhole = reader.endOfConnection()
        #expect(wasInside && isWhole && content.count == 12)
    }
}

@Suite("Results and changes against what was pushed (protocol.md)")
struct ChangeCheckTests {
    private let check: ChangeCheck

    init() throws {
        check = try ChangeCheck(
            name: "todo.create", id: "{run}-{connection}-{seq}",
            arguments: #"{"id":"{id}","title":"{seq} {pad}"}"#, run: "r", size: 90)
    }

    private func mutation(_ sequence: Int, _ connection: Int) throws -> JSONValue {
        var buffer = ByteBuffer(capacity: 64)
        check.appendMutation(sequence: sequence, connection: connection, to: &buffer)
        return try JSON.parse(buffer.takeSlice())
    }

    private func kind(_ body: () throws(Fault) -> Void) -> Fault.Kind? {
        do {
            try body()
            return nil
        } catch {
            return error.kind
        }
    }

    private func result(_ text: String) -> Fault.Kind? {
        kind { () throws(Fault) in
            var scratch = ByteBuffer(capacity: 64)
            guard let value = try? JSON.parse(Array(text.utf8)) else { return }
            _ = try check.check(result: value, sequence: 5, connection: 2, &scratch)
        }
    }

    @Test("a mutation is JSON with the id in its arguments")
    func mutations() throws {
        let made = try mutation(5, 2)
        #expect(made.member("id")?.string == "r-0000002-0000000005")
        #expect(made.member("args")?.member("id")?.string == "r-0000002-0000000005")
        #expect(made.member("args")?.bytes.count == 90)
        #expect(throws: BenchFailure.self) {
            try ChangeCheck(name: "x", id: "{seq}", arguments: "[{seq}]", run: "r", size: 0)
        }
    }

    @Test("a result must be ok, new, and the one that is due")
    func results() {
        let id = #""id":"r-0000002-0000000005""#
        #expect(result("{\(id),\"ok\":true,\"cursor\":9}") == nil)
        #expect(result("{\(id),\"ok\":true}") == .malformed)
        #expect(result("{\(id),\"ok\":true,\"cursor\":9,\"duplicate\":true}") == .doubled)
        #expect(result("{\(id),\"ok\":false,\"code\":\"conflict\"}") == .refused)
        #expect(result(#"{"id":"r-0000002-0000000006","ok":true,"cursor":9}"#) == .wrong)
    }

    @Test("a change must name a mutation of ours and hold what that one said")
    func changes() throws {
        let arguments = try #require(try mutation(5, 2).member("args")).bytes.string
        let good = #"{"cursor":7,"mutation":"r-0000002-0000000005","data":\#(arguments)}"#
        func change(_ text: String) -> Fault.Kind? {
            kind { () throws(Fault) in
                var scratch = ByteBuffer(capacity: 64)
                guard let value = try? JSON.parse(Array(text.utf8)) else { return }
                let number = try check.check(
                    change: value,
                    connection: { name in
                        name.withUnsafeBytes { check.id.connection(in: $0) } ?? 0
                    }, &scratch)
                #expect(number == ChangeCheck.Number(sequence: 5, cursor: 7))
            }
        }
        #expect(change(good) == nil)
        #expect(change(good.replacing("\"cursor\":7,", with: "")) == .malformed)
        #expect(change(good.replacing("\"mutation\":\"r", with: "\"mutation\":\"s")) == .wrong)
        #expect(change(good.replacing("\"title\":\"0", with: "\"title\":\"1")) == .wrong)
        #expect(change(#"{"cursor":7,"mutation":"r-0000002-0000000005","data":{}}"#) == .wrong)
        #expect(change(#"{"cursor":7,"mutation":"r-0000002-0000000005"}"#) == .malformed)
    }

    @Test("two ledgers that disagree say how")
    func ledgers() {
        var findings = SyncFindings(first: 0, pushers: 2, all: 2, pullers: 1)
        for cursor in 1...3 { findings.acknowledge(cursor, by: 0) }
        findings.acknowledge(4, by: 1)
        for (cursor, sequence, number) in [(1, 0, 0), (9, 1, 0), (4, 0, 1), (5, 1, 1)] {
            let isNew = findings.pull(cursor, sequence: sequence, of: number, by: 0)
            #expect(isNew)
        }
        let isNew = findings.pull(6, sequence: 0, of: 0, by: 0)
        #expect(!isNew, "it came before")
        let (faults, unacknowledged) = SyncFindings.compare([findings])
        #expect(faults[.lost] == 1 && faults[.wrong] == 1 && unacknowledged == 1)
    }
}
