// Errors as they are told: one log line with method, route and id, a page for who prefers one, JSON
// for others; causes for developers only.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Errors as they are told") struct ProblemTests {
        private struct Broken: Error, CustomStringConvertible {
            let description = "the flux is out of phase"
        }

        private func server(
            _ lines: SaidLines, showsCauses: Bool = false, own: Bool = false
        ) throws -> TestServer {
            try TestServer(configure: { configuration in
                configuration.logger = lines.logger
                configuration.problems = ProblemPages(showsCauses: showsCauses) { report in
                    let id = report.requestID ?? "-"
                    return .html("<p>\(report.status.code) \(report.code) \(id)</p>")
                }
                configuration.admit = { request, _ in
                    guard request.path == "/no" else { return nil }
                    return Response(
                        HTTPError(.forbidden, code: "origin_denied", message: "not from there"))
                }
                configuration.router = Router { routes in
                    if own { routes.mapErrors { _, _ in .text("mine", status: .badRequest) } }
                    routes.get("/broken/:id") { _ in throw Broken() }
                    routes.get("/refused") { _ in
                        throw HTTPError(.conflict, code: "conflict", message: "there is one")
                    }
                    routes.get("/busy") { _ in
                        throw HTTPError(.serviceUnavailable, code: "unavailable", message: "later")
                    }
                    routes.get("/bad") { _ in
                        throw HTTPError(
                            .internalServerError, code: "internal_error", message: "told")
                    }
                    routes.get("/own") { _ in .text("my own words", status: .notFound) }
                }
            })
        }

        private func get(
            _ server: TestServer, _ path: String, accept: String? = nil
        ) throws -> RawResponse {
            let client = server.client()
            let field = accept.map { "Accept: \($0)\r\n" } ?? ""
            client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
            return try #require(client.response())
        }

        private static let browser =
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

        @Test("what a handler throws is one line with method, pattern and id, which is told, too")
        func logged() throws {
            let lines = SaidLines()
            let server = try server(lines)
            let answer = try get(server, "/broken/7?token=secret")
            #expect(answer.status == 500)
            #expect(!answer.text.contains("flux"))
            let id = JSON.parse(answer.body, "request_id")
            #expect(id.count == 16)
            #expect(answer.head.contains("X-Request-Id: \(id)"))
            #expect(answer.head.contains("Cache-Control: no-store"))
            #expect(
                lines.all == [
                    "GET /broken/:id failed (request \(id)): the flux is out of phase"
                ])
        }

        @Test("a browser gets a page, a program JSON, and both say that it depends on Accept")
        func negotiated() throws {
            let server = try server(SaidLines())
            for (path, status) in [("/broken/7", 500), ("/nowhere", 404), ("/no", 403)] {
                let page = try get(server, path, accept: Self.browser)
                #expect(page.status == status)
                #expect(page.text.hasPrefix("<p>\(status) "))
                #expect(page.head.contains("text/html"))
                #expect(page.head.contains("Vary: Accept"))
                #expect(page.head.contains("Cache-Control: no-store"))
                for accept in [nil, "*/*", "application/json, text/html"] {
                    let other = try get(server, path, accept: accept)
                    #expect(other.status == status && !other.text.hasPrefix("<"))
                    #expect(other.head.contains("Vary: Accept"))
                }
            }
            // What a handler wrote itself stays.
            #expect(try get(server, "/own", accept: Self.browser).text == "my own words")
        }

        @Test("an answer is no accident: HTTPErrors below 500 and 503 are not logged")
        func answers() throws {
            let lines = SaidLines()
            let server = try server(lines)
            #expect(try get(server, "/refused").status == 409)
            #expect(try get(server, "/busy").status == 503)
            #expect(try get(server, "/nowhere").status == 404)
            #expect(lines.all == [])
            #expect(try get(server, "/bad").status == 500)
            #expect(lines.all.count == 1)
        }

        @Test("developers see the cause")
        func causes() throws {
            let server = try server(SaidLines(), showsCauses: true)
            #expect(
                JSON.parse(try get(server, "/broken/7").body, "cause")
                    == "the flux is out of phase")
        }

        @Test("an app's own mapper has the last word, and the log still hears of it")
        func ownMapper() throws {
            let lines = SaidLines()
            let server = try server(lines, own: true)
            let answer = try get(server, "/broken/7", accept: Self.browser)
            #expect(answer.status == 400 && answer.text == "mine")
            #expect(lines.all.count == 1)
        }

        @Test("a request that fails again and again writes ten lines a second, and how many more")
        func budget() {
            var budget = LineBudget()
            let start = Instant(nanoseconds: 5)
            let first = (0..<15).map { _ in budget.take(now: start) }
            #expect(first.filter { $0 == .write }.count == 10)
            #expect(first.suffix(5).allSatisfy { $0 == .leaveOut })
            #expect(budget.take(now: start.adding(milliseconds: 1_000)) == .writeAfter(leftOut: 5))
            #expect(budget.take(now: start.adding(milliseconds: 1_000)) == .write)
        }
    }
}

extension JSON {
    /// The text of a member.
    fileprivate static func parse(_ body: [UInt8], _ name: StaticString) -> String {
        (try? JSON.parse(ByteSlice(body)))?.member(name)?.string ?? ""
    }
}
