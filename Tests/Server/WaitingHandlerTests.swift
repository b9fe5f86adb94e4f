// Handlers and middleware that wait: on the worker's thread before and behind each wait, others
// served meanwhile, and every end of theirs: answered, thrown, left, timed out, drained.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport
import Synchronization
import Testing

@testable import MizuServer

/// Where a handler waits until the test says go, or until its task is cancelled.
private final class Turnstile: Sendable {
    private struct State {
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        var last = 0
        /// Those who wait here or did: a test that has seen one may open.
        var came = 0
        var cancelled = 0
    }
    private let state = Mutex(State())

    var came: Int { state.withLock { $0.came } }
    var cancelled: Int { state.withLock { $0.cancelled } }

    func pass() async throws {
        let number = state.withLock { state in
            state.last += 1
            return state.last
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    state.waiting[number] = continuation
                    state.came += 1
                }
                if Task.isCancelled { cancel(number) }
            }
        } onCancel: {
            cancel(number)
        }
    }

    private func cancel(_ number: Int) {
        let continuation = state.withLock { state in
            let continuation = state.waiting.removeValue(forKey: number)
            if continuation != nil { state.cancelled += 1 }
            return continuation
        }
        continuation?.resume(throwing: CancellationError())
    }

    /// Lets all through who wait.
    func open() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
    }
}

extension ServerStorey {
    @Suite("Handlers that wait") struct WaitingHandlerTests {
        private let turnstile = Turnstile()
        private static let ask = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"

        private func get(_ path: String, _ fields: String = "") -> String {
            "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
        }

        private func router(_ build: @escaping (inout Routes) -> Void = { _ in }) -> Router {
            let turnstile = turnstile
            return Router { routes in
                routes.get("/plain") { _ in .text("plain") }
                routes.get("/at-once") { request async throws -> Response in
                    .text("at once \(request.path)")
                }
                routes.get("/wait") { request async throws -> Response in
                    try await turnstile.pass()
                    return .text("waited \(request.query["n"] ?? "")")
                }
                routes.post("/echo/:name") { request async throws -> Response in
                    try await turnstile.pass()
                    let text = String(decoding: request.bodySlice().array, as: UTF8.self)
                    return .text("\(request.parameter("name") ?? "") \(text)")
                }
                routes.get("/throw") { _ async throws -> Response in
                    throw HTTPError(.conflict, code: "conflict", message: "no")
                }
                routes.get("/ws") { _ in .upgradeToWebSocket(service: 0) }
                build(&routes)
            }
        }

        private func loopback(
            _ change: (inout ServerLimits) -> Void = { _ in },
            _ build: @escaping (inout Routes) -> Void = { _ in }
        ) throws -> Loopback {
            try Loopback(change) { $0.router = router(build) }
        }

        // MARK: Answers

        @Test("a handler that does not really wait answers in the tick that brought its request")
        func atOnce() throws {
            let loop = try loopback()
            let client = loop.client()
            client.send(get("/at-once"))
            #expect(client.response()?.text == "at once /at-once")
            #expect(loop.worker.state.pointee.tasks.spares.count == 1)
            for _ in 0..<3 {
                client.send(get("/at-once") + get("/plain") + get("/throw") + get("/at-once"))
                #expect(client.response()?.text == "at once /at-once")
                #expect(client.response()?.text == "plain")
                #expect(client.response()?.status == 409)
                #expect(client.response()?.text == "at once /at-once")
            }
            // One driver serves them all.
            #expect(loop.worker.state.pointee.tasks.spares.count == 1)
            #expect(loop.elapsed == 0)
        }

        @Test("a middleware that waits answers also who asks for leave to send a body")
        func expectContinue() throws {
            let loop = try loopback({ _ in }) { routes in
                routes.use { (request: OwnedRequest) async throws -> Response? in
                    guard request.path == "/nowhere" else { return nil }
                    return .text("asked")
                }
            }
            let client = loop.client()
            let head = "Host: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            client.send("POST /nowhere HTTP/1.1\r\n" + head)
            #expect(client.response()?.status == 100)
            client.send("abc")
            #expect(client.response()?.text == "asked")
            // Who is told nothing by it gets what there is.
            client.send("POST /elsewhere HTTP/1.1\r\n" + head)
            #expect(client.response()?.status == 100)
            client.send("abc")
            #expect(client.response()?.status == 404)
        }

        @Test("while one waits the others are served, and it has its request behind the wait")
        func waits() throws {
            let loop = try loopback()
            let (first, second, third) = (loop.client(), loop.client(), loop.client())
            let body = "POST /echo/ann HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
            first.send(body + get("/plain"))
            second.send(get("/wait?n=2"))
            third.send(get("/at-once") + get("/plain"))
            #expect(third.response()?.text == "at once /at-once")
            #expect(third.response()?.text == "plain")
            #expect(turnstile.came == 2 && loop.worker.state.pointee.tasks.aside.count == 2)
            turnstile.open()
            #expect(first.response()?.text == "ann hello")
            #expect(first.response()?.text == "plain")
            #expect(second.response()?.text == "waited 2")
            #expect(loop.worker.state.pointee.tasks.aside.isEmpty)
        }

        @Test("all of a handler runs on its worker's thread, whoever ends the wait")
        func thread() throws {
            let turnstile = turnstile
            let threads = Threads()
            let server = try TestServer(configure: { configuration in
                configuration.router = Router { routes in
                    routes.get("/") { _ async throws -> Response in
                        @Sendable func inner() async throws {
                            threads.note()
                            try await turnstile.pass()
                            threads.note()
                        }
                        threads.note()
                        try await inner()
                        threads.note()
                        async let child: Void = threads.note()
                        await child
                        await Task.yield()
                        threads.note()
                        return .text("here")
                    }
                }
            })
            let client = server.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try #require(eventually { turnstile.came == 1 })
            turnstile.open()
            #expect(client.response()?.text == "here")
            let worker = try server.on { $0.thread }
            #expect(threads.all == [worker])
        }

        @Test("what a handler throws is mapped, and hooks see its answers")
        func errors() throws {
            struct Mishap: Error {}
            let loop = try loopback { _ in
            } _: { routes in
                routes.mapErrors { error, request in
                    .text("\(type(of: error)) at \(request.path)", status: .badRequest)
                }
                routes.after { _, response in try? response.set("X-Hook", "1") }
                let turnstile = self.turnstile
                routes.get("/mishap") { _ async throws -> Response in
                    try await turnstile.pass()
                    throw Mishap()
                }
            }
            let client = loop.client()
            client.send(get("/mishap"))
            loop.settle()
            turnstile.open()
            let answer = client.response()
            #expect(answer?.status == 400 && answer?.text == "Mishap at /mishap")
            #expect(answer?.head.contains("X-Hook: 1") == true)
            client.send(get("/at-once"))
            #expect(client.response()?.head.contains("X-Hook: 1") == true)
        }

        // MARK: Middleware

        @Test("middleware that waits names the user for plain handlers, waiting ones and sockets")
        func middleware() throws {
            let turnstile = turnstile
            let seen = Box<String>()
            let loop = try loopback { _ in
            } _: { routes in
                routes.use { request in
                    request.storage["first"] = true
                    return nil
                }
                routes.use { (request: OwnedRequest) async throws -> Response? in
                    guard let name = request.header("x-token") else { return nil }
                    try await turnstile.pass()
                    guard name != "bad" else { return .text("who?", status: .unauthorized) }
                    request.user = name
                    request.credential = "session-1"
                    return nil
                }
                routes.use { request in
                    seen.set("\(request.user ?? "nobody") \(request.storage["first"] != nil)")
                    return nil
                }
                routes.get("/who") { .text("\($0.user ?? "nobody") \($0.credential ?? "")") }
                routes.get("/who-waits/:id") { request async throws -> Response in
                    try await turnstile.pass()
                    return .text("\(request.user ?? "nobody") \(request.parameter("id") ?? "")")
                }
            }
            let client = loop.client()
            client.send(get("/who"))
            #expect(client.response()?.text == "nobody ")
            client.send(get("/who", "X-Token: ann\r\n"))
            loop.settle()
            turnstile.open()
            #expect(client.response()?.text == "ann session-1")
            #expect(seen.value == "ann true")
            client.send(get("/who-waits/7", "X-Token: bob\r\n"))
            loop.settle()
            turnstile.open()
            loop.settle()
            turnstile.open()
            #expect(client.response()?.text == "bob 7")
            client.send(get("/who", "X-Token: bad\r\n"))
            loop.settle()
            turnstile.open()
            #expect(client.response()?.status == 401)
            client.send(get("/nowhere", "X-Token: cid\r\n"))
            loop.settle()
            turnstile.open()
            #expect(client.response()?.status == 404)
            client.send(
                "GET /ws HTTP/1.1\r\nHost: a\r\nX-Token: ann\r\nUpgrade: websocket\r\n"
                    + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            loop.settle()
            #expect(loop.recorder.opened.isEmpty)
            turnstile.open()
            loop.settle()
            #expect(loop.recorder.opened.count == 1)
        }

        @Test("a middleware in two parts waits only where the quick part says so")
        func twoParts() throws {
            let turnstile = turnstile
            let loop = try loopback { _ in
            } _: { routes in
                routes.use { request in
                    switch request.header("x-token") {
                    case nil: return .pass
                    case "known":
                        request.user = "ann"
                        return .pass
                    case "bad": return .answer(.text("no", status: .forbidden))
                    default: return .wait
                    }
                } waiting: { request in
                    try await turnstile.pass()
                    request.user = "from the store"
                    return nil
                }
                routes.get("/who") { .text($0.user ?? "nobody") }
            }
            let client = loop.client()
            client.send(get("/who") + get("/who", "X-Token: known\r\n"))
            #expect(client.response()?.text == "nobody" && client.response()?.text == "ann")
            client.send(get("/who", "X-Token: bad\r\n"))
            #expect(client.response()?.status == 403)
            #expect(loop.worker.state.pointee.tasks.executor == nil)
            client.send(get("/who", "X-Token: other\r\n"))
            loop.settle()
            turnstile.open()
            #expect(client.response()?.text == "from the store")
        }

        // MARK: Ends

        @Test("a client that leaves cancels its task, and the worker keeps nothing of it")
        func leaves() throws {
            let loop = try loopback()
            let client = loop.client()
            client.send(Self.ask)
            #expect(turnstile.came == 1)
            client.reset()
            loop.settle()
            #expect(turnstile.cancelled == 1)
            #expect(loop.becomesEmpty())
            #expect(loop.worker.state.pointee.owed.isEmpty)
            // A task that was cancelled is not used again.
            #expect(loop.worker.state.pointee.tasks.aside.isEmpty)
            #expect(loop.worker.state.pointee.tasks.spares.isEmpty)
            let other = loop.client()
            other.send(get("/at-once"))
            #expect(other.response()?.text == "at once /at-once")
        }

        @Test("a peer that has sent its last byte gets its answer")
        func halfClose() throws {
            let loop = try loopback()
            let client = loop.client()
            client.send(Self.ask)
            client.halfClose()
            #expect(turnstile.cancelled == 0)
            turnstile.open()
            #expect(client.response()?.text == "waited ")
        }

        @Test("no answer in time is 503, and the task is cancelled")
        func late() throws {
            let loop = try loopback({ $0.handlerMilliseconds = 1_000 })
            let client = loop.client()
            client.send(Self.ask)
            #expect(client.response()?.status == 503)
            #expect(loop.elapsed >= 1_000)
            loop.settle()
            #expect(turnstile.cancelled == 1)
        }

        @Test("a drain waits for a handler; its answer says close")
        func drain() throws {
            let loop = try loopback()
            let client = loop.client()
            client.send(Self.ask)
            loop.drain()
            #expect(!loop.hasEnded && turnstile.cancelled == 0)
            turnstile.open()
            let answer = client.response()
            #expect(answer?.text == "waited " && answer?.closes == true)
            client.close()
            #expect(loop.wait(milliseconds: 60_000) { loop.hasEnded })
        }

        @Test("at a drain's deadline what still waits is cancelled, and ends before the worker")
        func deadline() throws {
            let loop = try loopback()
            let client = loop.client()
            client.send(Self.ask)
            loop.drain()
            #expect(loop.wait(milliseconds: 600_000) { loop.hasEnded })
            #expect(turnstile.cancelled == 1)
            #expect(client.response() == nil)
        }

        @Test("a handler that ends after its worker touches nothing of it")
        func after() async throws {
            let gate = Turnstile()
            let ended = Box<Bool>()
            do {
                let loop = try loopback { _ in
                } _: { routes in
                    routes.get("/deaf") { request async throws -> Response in
                        // Hears of no cancellation: it waits for a task of its own.
                        await Task.detached { try? await gate.pass() }.value
                        #expect(Task.isCancelled)
                        ended.set(true)
                        return .text(request.path)
                    }
                }
                let client = loop.client()
                client.send(get("/deaf"))
                // Not by blocking: the detached task wants a thread of the same pool.
                while gate.came == 0 { await Task.yield() }
                _ = client
            }
            gate.open()
            while ended.value == nil { await Task.yield() }
        }

        @Test("a crowd of requests is begun in slices, and all are answered")
        func crowd() throws {
            let loop = try loopback()
            let clients = (0..<200).map { _ in loop.client() }
            for client in clients { client.pipe.send(get("/wait?n=1")) }
            loop.settle()
            #expect(turnstile.came == 200)
            turnstile.open()
            for client in clients { #expect(client.response()?.text == "waited 1") }
            #expect(loop.worker.state.pointee.tasks.aside.isEmpty)
            #expect(loop.worker.state.pointee.tasks.spares.count == TaskDriver.sparesMax)
        }
    }
}

/// The threads that code ran on.
private final class Threads: Sendable {
    private let seen = Mutex<Set<UInt64>>([])
    var all: Set<UInt64> { seen.withLock { $0 } }
    func note() { _ = seen.withLock { $0.insert(cl_thread_self()) } }
}

extension MemoryPipe {
    fileprivate func send(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { send($0) }
    }
}
