// Where a connection is in its life. One place of the worker takes each step (`Worker.enter`); a
// step that is not drawn here is a bug and fails an assertion. How a life ends is `Ending`'s, which
// timer runs meanwhile is `ConnectionTimer`'s.
//
//   accepted ──► proxyHeader ──┐      accepted:    nothing is known of the connection yet
//     ├───TLS──► handshaking ◄─┤      proxyHeader: a trusted proxy names the client first
//     │               ▼        │      handshaking: TLS comes to be; no byte of HTTP has come
//     ├─────────────► http ◄───┘      http:        requests and answers alternate
//     │                ├───► webSocket             frames go both ways; `CloseMachine` rules the
//     │                │         │                 closing handshake
//     └────────────────┴────► lingering            our last byte is out; what still comes is thrown
//                                │                 away until the peer ends
//   any ───────────────────► closed                found by nobody; freed at the end of this tick

extension Connection {
    enum Phase: UInt8, CaseIterable {
        case http, webSocket, lingering, closed
        // Before the first byte of HTTP; these stand last.
        case proxyHeader, handshaking, accepted

        @inline(__always)
        var isBeforeHTTP: Bool { rawValue >= Phase.proxyHeader.rawValue }

        /// Whether the arrow from here to `next` is drawn.
        func leads(to next: Phase) -> Bool {
            switch (self, next) {
            case (.accepted, .proxyHeader), (.accepted, .handshaking), (.accepted, .http),
                (.accepted, .lingering),
                (.proxyHeader, .handshaking), (.proxyHeader, .http),
                (.handshaking, .http), (.handshaking, .lingering),
                (.http, .webSocket), (.http, .lingering),
                (.webSocket, .lingering):
                true
            case (.closed, .closed): false
            case (_, .closed): true
            case (.accepted, _), (.proxyHeader, _), (.handshaking, _), (.http, _), (.webSocket, _),
                (.lingering, _), (.closed, _):
                false
            }
        }
    }
}
