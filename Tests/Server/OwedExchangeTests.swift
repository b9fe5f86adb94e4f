// Answers that come later, and peers that leave meanwhile: whoever works on an answer learns of a
// reset, not of a peer that has only sent its last byte (RFC 9112 §9.6).

import MizuHTTP
import MizuRouting
import Synchronization
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Answers that are owed") struct OwedExchangeTests {
        /// What a handler left behind for the test.
        private final class Watched: Sendable {
            let watch = ExchangeWatch()
            let exchange = Box<ExchangeID>()
        }

        private func server(_ watched: Watched) throws -> TestServer {
            try TestServer(configure: { configuration in
                configuration.router = Router { routes in
                    routes.get("/watched") { request in
                        watched.exchange.set(request.exchange)
                        return .pending(watchedBy: watched.watch)
                    }
                }
            })
        }

        private static let ask = "GET /watched HTTP/1.1\r\nHost: a\r\n\r\n"

        @Test("a reset while an answer is awaited is told to whoever makes the answer")
        func reset() throws {
            let watched = Watched()
            let server = try server(watched)
            let client = server.client()
            client.send(Self.ask)
            try #require(eventually { watched.exchange.value != nil })
            #expect(!watched.watch.isGone)
            client.reset()
            #expect(eventually { watched.watch.isGone })
            // Whatever is answered then, the connection goes and nothing is kept.
            server.workers.respond(
                to: try #require(watched.exchange.value), .text("too late"))
            #expect(try server.becomesEmpty())
            #expect(try server.on { $0.state.pointee.owed.isEmpty })
        }

        @Test("a peer that has sent its last byte is still there, and gets its answer")
        func halfClose() throws {
            let watched = Watched()
            let server = try server(watched)
            let client = server.client()
            client.send(Self.ask)
            client.halfClose()
            try #require(eventually { watched.exchange.value != nil })
            // By mail behind the event: the worker has seen the end by then.
            for _ in 0..<3 { _ = try server.on { _ in true } }
            #expect(!watched.watch.isGone)
            server.workers.respond(to: try #require(watched.exchange.value), .text("here"))
            #expect(client.response()?.text == "here")
            #expect(try server.becomesEmpty())
        }

        @Test("an exchange that is over is over for its watch, too: answered, timed out, ended")
        func over() throws {
            let answered = Watched()
            do {
                let server = try server(answered)
                let client = server.client()
                client.send(Self.ask)
                try #require(eventually { answered.exchange.value != nil })
                server.workers.respond(
                    to: try #require(answered.exchange.value), .text("here"))
                #expect(client.response()?.text == "here")
                #expect(answered.watch.isGone)
                #expect(try server.on { $0.state.pointee.owed.isEmpty })
            }
            let late = Watched()
            let server = try TestServer(
                { $0.handlerMilliseconds = 20 },
                configure: { configuration in
                    configuration.router = Router { routes in
                        routes.get("/watched") { _ in .pending(watchedBy: late.watch) }
                    }
                })
            let client = server.client()
            client.send(Self.ask)
            #expect(client.response()?.status == 503)
            #expect(late.watch.isGone)
        }
    }
}
