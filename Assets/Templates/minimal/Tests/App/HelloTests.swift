// What the route answers.

import Mizu
import Testing

@testable import MizuHello

@Suite("Hello")
struct HelloTests {
    @Test("the route says hello, as plain text")
    func hello() throws {
        let response = MizuHello.hello()
        #expect(response.status == .ok)
        guard case .slice(let body) = response.body else {
            Issue.record("the answer has no body")
            return
        }
        #expect(body.string.hasPrefix("Hello"))
    }
}
