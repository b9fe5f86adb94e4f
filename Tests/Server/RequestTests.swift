// Requests and their answers on real sockets: whole, byte by byte, pipelined, refused. RFC 9112.

import Glibc
import MizuBytes
import MizuHTTP
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Requests on a socket") struct RequestTests {
        struct Row: Sendable {
            let name: String
            let bytes: String
            /// Status and body of each answer.
            let answers: [(Int, String)]
            var ends = false
        }

        static let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\n"
        static let rows: [Row] = [
            Row(name: "one", bytes: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answers: [(200, "hello")]),
            Row(
                name: "three in a row",
                bytes: "GET / HTTP/1.1\r\nHost: a\r\n\r\n" + post
                    + "Content-Length: 3\r\n\r\nabcGET /no HTTP/1.1\r\nHost: a\r\n\r\n",
                answers: [(200, "hello"), (200, "abc"), (404, "")]),
            Row(
                name: "chunks",
                bytes: post + "Transfer-Encoding: chunked\r\n\r\n"
                    + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
                answers: [(200, "abcde")]),
            Row(
                name: "HTTP/1.0", bytes: "GET / HTTP/1.0\r\n\r\n", answers: [(200, "hello")],
                ends: true),
            Row(
                name: "asked to close",
                bytes: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n",
                answers: [(200, "hello")], ends: true),
            Row(
                name: "no host", bytes: "GET / HTTP/1.1\r\n\r\n", answers: [(400, "")],
                ends: true),
            Row(
                name: "a broken line", bytes: "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n",
                answers: [(400, "")], ends: true),
            Row(
                name: "a broken chunk",
                bytes: post + "Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
                answers: [(400, "")], ends: true),
            Row(
                name: "too large", bytes: post + "Content-Length: 1048577\r\n\r\n",
                answers: [(413, "")], ends: true),
            Row(
                name: "a good one before a bad one",
                bytes: "GET / HTTP/1.1\r\nHost: a\r\n\r\nbad\r\n\r\n",
                answers: [(200, "hello"), (400, "")], ends: true),
        ]

        @Test("a table of requests is answered the same whole and byte by byte")
        func table() throws {
            // However long a client takes for its last bytes, which nobody asked for.
            let server = try TestServer { $0.lingerMilliseconds = 60_000 }
            for row in Self.rows {
                for isWhole in [true, false] {
                    let client = server.client()
                    if isWhole {
                        client.send(row.bytes)
                    } else {
                        for byte in row.bytes.utf8 { guard client.send([byte]) else { break } }
                    }
                    for (status, body) in row.answers {
                        let answer = try #require(client.response(), "\(row.name)")
                        #expect(answer.status == status, "\(row.name)")
                        if !body.isEmpty { #expect(answer.text == body, "\(row.name)") }
                    }
                    if row.ends {
                        #expect(client.readToEnd() == ([], .closed), "\(row.name)")
                    } else {
                        #expect(client.get("/")?.text == "hello", "\(row.name)")
                    }
                }
            }
        }

        @Test("HEAD is answered with a length and no body, now or later")
        func head() throws {
            let server = try TestServer()
            let client = server.client()
            for path in ["/", "/later"] {
                client.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                if path == "/later" {
                    server.workers.respond(to: try server.later.next(), .text("hello"))
                }
                let answer = client.response(toHead: true)
                #expect(answer?.head.contains("Content-Length: 5") == true)
            }
            #expect(client.get("/")?.text == "hello")
        }

        @Test("who expects 100 gets it before the body is read, and who is refused does not")
        func expectContinue() throws {
            let server = try TestServer()
            let client = server.client()
            client.send(Self.post + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            #expect(client.response()?.status == 100)
            client.send("abc")
            #expect(client.response()?.text == "abc")
            client.send(Self.post + "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
            #expect(client.response()?.status == 413)
        }

        @Test("a refusal reaches a client that is still sending its body")
        func refusalIsNotLost() throws {
            let server = try TestServer { $0.lingerMilliseconds = 60_000 }
            for _ in 0..<5 {
                let client = server.client()
                client.send(Self.post + "Content-Length: 3000000\r\n\r\n")
                client.send([UInt8](repeating: 120, count: 3_000_000))
                #expect(client.response()?.status == 413)
                #expect(client.readToEnd().ending == .closed)
            }
            #expect(try server.becomesEmpty())
        }

        @Test("a body of a megabyte in small pieces comes back whole")
        func largeBody() throws {
            let server = try TestServer()
            let client = server.client()
            let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            client.send(Self.post + "Content-Length: \(body.count)\r\n\r\n")
            for start in stride(from: 0, to: body.count, by: 1999) {
                client.send(Array(body[start..<min(start + 1999, body.count)]))
            }
            #expect(client.response()?.body == body)
        }

        // MARK: Answers from another thread

        @Test("a later answer keeps its place before what was asked behind it")
        func laterAnswers() throws {
            let server = try TestServer()
            let client = server.client()
            let later = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
            client.send(later + later + "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for name in ["first", "second"] {
                let exchange = try server.later.next()
                server.workers.respond(to: exchange, .text(name))
                // A second answer, and one to an exchange that never was, go nowhere.
                server.workers.respond(to: exchange, .text("again"))
                #expect(client.response()?.text == name)
            }
            #expect(client.response()?.text == "hello")
        }

        @Test(
            "an answer to a connection that has gone is dropped, also where its slot is used again")
        func laterAndGone() throws {
            let server = try TestServer()
            let gone = server.client()
            gone.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            let exchange = try server.later.next()
            gone.reset()
            server.workers.respond(to: exchange, .text("nobody"))
            #expect(try server.becomesEmpty())
            let next = server.client()
            next.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            let own = try server.later.next()
            server.workers.respond(to: exchange, .text("wrong"))
            server.workers.respond(to: own, .text("right"))
            #expect(next.response()?.text == "right")
        }

        @Test("a client that has sent its last byte still gets what it asked for")
        func halfClosed() throws {
            let server = try TestServer { $0.lingerMilliseconds = 60_000 }
            for path in ["/", "/later", "/large"] {
                let client = server.client()
                client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                client.halfClose()
                if path == "/later" {
                    let exchange = try server.later.next()
                    server.workers.respond(to: exchange, .text("late"))
                }
                #expect(client.response()?.status == 200)
                #expect(client.readToEnd() == ([], .closed))
                client.close()
            }
            #expect(try server.becomesEmpty())
        }
    }
}
