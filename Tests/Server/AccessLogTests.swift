// The access log of a running server: one line for each answer in the order of the answers, a file
// that is opened anew, a disk that is full, and a writer that cannot keep up.

import CLinux
import Glibc
import Logging
import MizuBytes
import MizuEventLoop
import MizuHTTP
import Synchronization
import Testing

@testable import MizuAccessLog
@testable import MizuServer

/// What was said in the log, for the test's thread.
final class SaidLines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func say(_ line: String) { lines.withLock { $0.append(line) } }

    var logger: Logger { Logger(label: "test") { _ in Handler(said: self) } }

    private struct Handler: LogHandler {
        let said: SaidLines
        var logLevel = Logger.Level.info
        var metadata = Logger.Metadata()

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { said.say("\(event.message)") }
    }
}

/// A folder of the test's own; its files go with it.
final class ScratchFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/mizu-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["log", "log.1", "socket"] { _ = unlink(path + "/" + name) }
        _ = rmdir(path)
    }

    /// The lines of a file; none where there is no file.
    func lines(_ name: String) -> [String] {
        guard let file = fopen(path + "/" + name, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }
}

extension ServerStorey {
    @Suite("Access log") struct AccessLogTests {
        /// A server that logs in the common format, and what it says of itself.
        private struct Logged {
            let folder: ScratchFolder
            let said = SaidLines()
            let log: AccessLog
            let server: TestServer

            init(workers: Int = 1, path: String? = nil) throws {
                folder = try ScratchFolder()
                log = try AccessLog(
                    path: path ?? folder.path + "/log", format: .common, logger: said.logger)
                server = try TestServer(workers: workers, accessLog: log)
                try log.start()
            }

            /// `"request" status bytes` of each line, once the server has ended. Each ends with a
            /// name of its own.
            func finish() -> [Substring] {
                server.stop()
                log.stop()
                var names: Set<Substring> = []
                return folder.lines("log").map { line in
                    let name = line.suffix(16)
                    #expect(name.allSatisfy(\.isHexDigit) && names.insert(name).inserted)
                    return line[(line.firstIndex(of: "\"") ?? line.startIndex)...].dropLast(17)
                }
            }
        }

        @Test("each answer has its line, in the order of the answers")
        func lines() throws {
            let logged = try Logged()
            let (client, refused) = (logged.server.client(), logged.server.client())
            #expect(client.get("/?token=SECRET", fields: "Cookie: SECRET\r\n")?.status == 200)
            client.send("HEAD /page HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.response(toHead: true)?.status == 200)
            client.send(
                "GET /no HTTP/1.1\r\nHost: a\r\n\r\nPUT / HTTP/1.1\r\nHost: a\r\n"
                    + "Content-Length: 0\r\n\r\nGET /page HTTP/1.1\r\nHost: a\r\n\r\n")
            for status in [404, 405, 200] { #expect(client.response()?.status == status) }
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
            _ = try logged.server.on { _ in 0 }
            client.send("cdef")
            #expect(client.response()?.text == "abcdef")
            refused.send("nonsense\r\n\r\n")
            #expect(refused.response()?.status == 400)
            client.send("GET /later HTTP/1.0\r\nHost: a\r\n\r\n")
            let exchange = try logged.server.later.next()
            logged.server.workers.respond(to: exchange, .text("late!"))
            #expect(client.response()?.status == 200)
            let (socket, _) = try logged.server.socket()
            // The drain would wait for those that stay.
            for client in [client, refused, socket] { client.close() }
            let lines = logged.finish()
            let bad = lines.filter { $0.hasPrefix("\"-\" 400 ") }
            #expect(bad.count == 1)
            let methodNotAllowed = lines.filter { $0.hasPrefix("\"PUT / HTTP/1.1\" 405 ") }
            #expect(methodNotAllowed.count == 1)
            #expect(
                lines.filter { !bad.contains($0) && !methodNotAllowed.contains($0) } == [
                    "\"GET / HTTP/1.1\" 200 5", "\"HEAD /page HTTP/1.1\" 200 -",
                    "\"GET /no HTTP/1.1\" 404 10", "\"GET /page HTTP/1.1\" 200 65536",
                    "\"POST /echo HTTP/1.1\" 200 6", "\"GET /later HTTP/1.0\" 200 5",
                    "\"GET /ws HTTP/1.1\" 101 -",
                ])
        }

        @Test("a client that leaves before it can be answered is told as 499")
        func abandoned() throws {
            let logged = try Logged()
            let client = logged.server.client()
            client.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                    + "Expect: 100-continue\r\n\r\n")
            #expect(client.response()?.status == 100)
            client.reset()
            #expect(try logged.server.becomesEmpty())
            // One that asked for nothing has no line.
            logged.server.client().close()
            #expect(logged.finish() == ["\"POST /echo HTTP/1.1\" 499 -"])
        }

        @Test("who asks is told, whether the answer comes at once, later, or is an upgrade")
        func users() throws {
            let logged = try Logged()
            let client = logged.server.client()
            #expect(client.get("/", fields: "X-User: ann\r\n")?.status == 200)
            client.send("GET /later HTTP/1.1\r\nHost: a\r\nX-User: bob\r\n\r\n")
            logged.server.workers.respond(to: try logged.server.later.next(), .text("late"))
            #expect(client.response()?.status == 200)
            // Nobody: the name does not stay with the connection.
            #expect(client.get("/")?.status == 200)
            client.send(
                RawClient.upgradeRequest.replacing(
                    "Host: a\r\n", with: "Host: a\r\nX-User: cid\r\n"))
            #expect(client.response()?.status == 101)
            client.close()
            _ = logged.finish()
            #expect(
                logged.folder.lines("log").map { $0.split(separator: " ")[2] }
                    == ["ann", "bob", "-", "cid"])
        }

        @Test("a line is in the file soon, without anything more being asked")
        func promptness() throws {
            let logged = try Logged(workers: 2)
            let client = logged.server.client()
            #expect(client.get("/")?.status == 200)
            #expect(eventually { logged.folder.lines("log").count == 1 })
            #expect(logged.finish().count == 1)
        }

        @Test("lines of all workers are there in the end")
        func allWorkers() throws {
            let logged = try Logged(workers: 3)
            for _ in 0..<30 {
                let client = logged.server.client()
                for _ in 0..<20 { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
                for _ in 0..<20 { #expect(client.response()?.status == 200) }
            }
            #expect(logged.finish() == .init(repeating: "\"GET / HTTP/1.1\" 200 5", count: 600))
            #expect(logged.said.all == [])
        }

        @Test("a file that was moved away keeps what it has, and a new one gets the rest")
        func reopening() throws {
            let logged = try Logged()
            let client = logged.server.client()
            #expect(client.get("/")?.status == 200)
            #expect(eventually { logged.folder.lines("log").count == 1 })
            #expect(rename(logged.folder.path + "/log", logged.folder.path + "/log.1") == 0)
            logged.log.reopen()
            #expect(client.get("/no")?.status == 404)
            #expect(logged.finish() == ["\"GET /no HTTP/1.1\" 404 10"])
            #expect(logged.folder.lines("log.1").count == 1)
        }

        @Test("a path that cannot be opened anew leaves the old file in use, and is spoken of")
        func failedReopening() throws {
            let logged = try Logged()
            let (path, moved) = (logged.folder.path + "/log", logged.folder.path + "/log.1")
            #expect(rename(path, moved) == 0 && mkdir(path, 0o700) == 0)
            logged.log.reopen()
            #expect(logged.server.client().get("/")?.status == 200)
            #expect(eventually { logged.folder.lines("log.1").count == 1 })
            #expect(rmdir(path) == 0)
            _ = logged.finish()
            #expect(logged.said.all.count == 1 && logged.said.all[0].contains(path))
        }

        @Test("a full disk costs lines, which are counted, and no answers")
        func fullDisk() throws {
            let logged = try Logged(path: "/dev/full")
            let client = logged.server.client()
            for _ in 0..<50 { #expect(client.get("/")?.status == 200) }
            _ = logged.finish()
            let lost = logged.said.all.compactMap { line in
                line.hasSuffix("No space left on device")
                    ? line.split(separator: " ").first.flatMap { Int($0) } : nil
            }
            #expect(lost.reduce(0, +) == 50, "\(logged.said.all)")
            #expect(logged.said.all.count <= 2, "one line a minute and one at the end")
        }

        @Test("what the writer cannot keep up with is dropped, counted, and bounded in memory")
        func overload() throws {
            let (folder, said) = (try ScratchFolder(), SaidLines())
            let log = try AccessLog(
                path: folder.path + "/log", format: .json, logger: said.logger)
            let line = Array((String(repeating: "x", count: 1_023) + "\n").utf8)
            for _ in 0..<5_000 { log.post(line, count: 1) }
            // The thread starts behind the flood: what fits the limit is there, the rest is told.
            try log.start()
            log.stop()
            #expect(folder.lines("log").count == AccessLog.pendingBytesMax / 1_024)
            #expect(said.all.count == 1 && said.all[0].hasPrefix("904 lines"), "\(said.all)")
        }

        @Test("a FIFO that nobody reads is refused at start instead of waited for")
        func fifo() throws {
            let folder = try ScratchFolder()
            #expect(mkfifo(folder.path + "/log", 0o600) == 0)
            #expect(throws: SystemError(call: "open", errno: ENXIO)) {
                try AccessLog(path: folder.path + "/log", format: .json, logger: .silent)
            }
        }
    }
}
