// What the route answers.

import Mizu
import MizuTesting
import Testing

@testable import MizuHello

@Suite("Hello")
struct HelloTests {
    @Test("the route says hello, as plain text")
    func hello() async throws {
        let app = try TestApp { try MizuHello.makeApp($0) }
        let answer = try await app.get("/")
        #expect(answer.status == 200)
        #expect(answer.header("Content-Type") == "text/plain; charset=utf-8")
        #expect(answer.text.hasPrefix("Hello"))
    }
}
