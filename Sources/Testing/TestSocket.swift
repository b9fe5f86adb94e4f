// A WebSocket of a test's: says messages, and gets what the server says in its order. Pings are
// answered by itself, signs of life are left out, and fragments are joined: a test sees messages.

#if DEBUG
    import Mizu
    import MizuBytes
    import MizuEventLoop
    import MizuTransport
    import MizuWebSocket

    /// What a server said on a socket. A value.
    public struct TestMessage: Sendable, CustomStringConvertible {
        /// The message's `type`; `close` for the end of the socket.
        public let type: String
        /// Why it ended (RFC 6455 §7.4); nil for a message, and for an end without a code.
        public let closeCode: Int?
        /// The message; for an end `null`.
        public let json: JSONValue

        init(_ json: JSONValue) {
            type = json.member("type")?.string ?? ""
            closeCode = nil
            self.json = json
        }

        init(closed code: Int?) {
            type = "close"
            closeCode = code
            json = JSONValue(validated: "null")
        }

        public var topic: String? { json.member("topic")?.string }
        public var ref: String? { json.member("ref")?.string }
        /// Of an `error`.
        public var code: String? { json.member("code")?.string }
        public var payload: JSONValue? { json.member("payload") }
        /// Of a `delta`.
        public var changes: [TestChange] {
            (payload?.member("changes")?.elements).map { $0.map(TestChange.init) } ?? []
        }

        public var description: String {
            type == "close"
                ? "close \(closeCode.map { "\($0)" } ?? "")"
                : String(decoding: json.bytes.array, as: UTF8.self)
        }
    }

    /// A socket that is open (`TestApp.socket`). Any thread; it closes with its last reference.
    public final class TestSocket: Sendable {
        private let house: TestHouse
        private let id: UInt64
        private let title: String

        init(_ house: TestHouse, _ id: UInt64, title: String) {
            self.house = house
            self.id = id
            self.title = title
        }

        deinit {
            house.perform({ [id] in ($0.talk(id) as? TestSocketTalk)?.drop() }) {}
        }

        /// Says `text`, a JSON object of protocol.md's.
        public func send(_ text: String) async throws(TestError) {
            try await ask { talk, reply in
                talk.say(text)
                reply(.success(()))
            }
        }

        /// Subscribes to a topic, and returns the answer to that.
        /// - Parameters:
        ///   - topic: `sync:` and a scope's name, or the app's own.
        ///   - cursor, epoch: where the client is; nil: it has nothing.
        public func subscribe(
            _ topic: String, cursor: Int? = nil, epoch: String? = nil
        ) async throws(TestError) -> TestMessage {
            let position = cursor.map { #","cursor":\#($0),"epoch":"\#(epoch ?? "")""# } ?? ""
            let ref = house.freshID()
            try await send(
                #"{"type":"subscribe","ref":"\#(ref)","topic":"\#(topic)"\#(position)}"#)
            return try await answer(to: ref)
        }

        /// Pushes one mutation on the socket; see `TestApp.push`.
        public func push(
            _ name: String, json arguments: String, scope: String? = nil, id: String? = nil
        ) async throws(TestError) -> TestOutcome {
            let ref = house.freshID()
            let push = TestPush(
                name: name, arguments: arguments, scope: scope, id: id ?? house.freshID(),
                time: nil)
            try await send(#"{"type":"push","ref":"\#(ref)",\#(push.members)}"#)
            let answer = try await answer(to: ref)
            let results = answer.payload?.member("results")
            return TestOutcome(
                "\(name) on \(title)", status: 200,
                results?.elements.first { _ in true } ?? answer.json)
        }

        /// The next message, or the end; waits for it.
        /// - Throws: if none comes within a minute.
        public func next() async throws(TestError) -> TestMessage {
            try await ask { talk, reply in talk.next(reply) }
        }

        /// The next message of that type; those before it are dropped.
        public func next(_ type: String) async throws(TestError) -> TestMessage {
            while true {
                let message = try await next()
                if message.type == type { return message }
                guard message.type != "close" else {
                    throw TestError("\(title): \(message) came before \(type)")
                }
            }
        }

        /// Whatever has come and was not taken yet, once the worker has nothing left to do.
        public func received() async throws(TestError) -> [TestMessage] {
            try await house.advance(milliseconds: 0)
            return try await ask { talk, reply in reply(.success(talk.takeAll())) }
        }

        /// The answer to a request; what came before it waits for `next`.
        private func answer(to ref: String) async throws(TestError) -> TestMessage {
            try await ask { talk, reply in talk.answer(to: ref, reply) }
        }

        /// Closes with 1000 and without waiting.
        public func close() async throws(TestError) {
            try await ask { talk, reply in
                talk.close()
                reply(.success(()))
            }
        }

        private func ask<Answer: Sendable>(
            _ body: @escaping @Sendable (TestSocketTalk, @escaping TestHouse.Reply<Answer>) -> Void
        ) async throws(TestError) -> Answer {
            let (id, title) = (self.id, self.title)
            return try await house.ask(title) { inside, reply in
                guard let talk = inside.talk(id) as? TestSocketTalk else {
                    return reply(.failure(TestError("\(title): it is closed")))
                }
                body(talk, reply)
            }
        }
    }

    /// The socket on the app's thread.
    final class TestSocketTalk: TestTalk {
        let pipe = MemoryPipe()
        private(set) var deadline: Instant?
        private(set) var isOver = false
        private let request: TestRequest
        private var output = TestOutput()
        private var answer: TestAnswer? = TestAnswer()
        private var opened: TestHouse.Reply<TestResponse>?
        private var reader = MessageReader(role: .client)
        private var input: [UInt8] = []
        private var messages: [TestMessage] = []
        private var hasEnded = false
        private var wanted: (ref: String?, reply: TestHouse.Reply<TestMessage>)?

        init(_ request: TestRequest) {
            self.request = request
            output.append(request.bytes)
        }

        private static var patience: Instant {
            .machine.adding(milliseconds: TestHouse.patienceMilliseconds)
        }

        func onOpen(_ reply: @escaping TestHouse.Reply<TestResponse>) {
            opened = reply
            deadline = Self.patience
        }

        // MARK: What the test wants

        func say(_ text: String) { append(.text, Array(text.utf8)) }

        func close() { append(.close, [0x03, 0xE8]) }

        /// Nobody has the socket any more.
        func drop() { isOver = true }

        func next(_ reply: @escaping TestHouse.Reply<TestMessage>) { want(nil, reply) }

        func answer(to ref: String, _ reply: @escaping TestHouse.Reply<TestMessage>) {
            want(ref, reply)
        }

        func takeAll() -> [TestMessage] {
            defer { messages = [] }
            return messages
        }

        private func want(_ ref: String?, _ reply: @escaping TestHouse.Reply<TestMessage>) {
            if let wanted {
                wanted.reply(.failure(TestError("\(request.title): another task waits there")))
            }
            wanted = (ref, reply)
            deadline = Self.patience
            give()
        }

        private func give() {
            guard let wanted else { return }
            let index = messages.firstIndex { message in
                wanted.ref == nil || message.ref == wanted.ref || message.type == "close"
            }
            guard let index else {
                if hasEnded { end(TestError("it is closed, and all was received")) }
                return
            }
            let message = messages[index]
            // That a socket is closed is told to everybody who asks.
            if message.type != "close" { messages.remove(at: index) }
            (self.wanted, deadline) = (nil, nil)
            wanted.reply(.success(message))
        }

        // MARK: Bytes

        private func append(_ opcode: Opcode, _ payload: [UInt8]) {
            var frame = ByteBuffer(capacity: payload.count + 16)
            FrameWriter.append(opcode, ByteSlice(payload), to: &frame, masking: .key(0x0102_0304))
            output.append([UInt8](frame.readable))
        }

        func carry() -> Bool {
            guard !isOver else { return false }
            let hasSent = output.carry(to: pipe)
            let bytes = pipe.receive()
            guard !bytes.isEmpty else {
                if pipe.ending != nil, !hasEnded { ended(nil) }
                return hasSent
            }
            if answer != nil { open(bytes) } else { read(bytes) }
            give()
            return true
        }

        private func open(_ bytes: [UInt8]) {
            answer?.append(bytes)
            switch answer?.read(answering: request) {
            case .more, nil: break
            case .malformed(let why): end(TestError(why))
            case .whole(let response):
                let rest = answer?.rest ?? []
                answer = nil
                let reply = opened
                (opened, deadline) = (nil, nil)
                if response.status != 101 { isOver = true }
                reply?(.success(response))
                if !rest.isEmpty { read(rest) }
            }
        }

        private func read(_ bytes: [UInt8]) {
            input += bytes
            var consumed = 0
            input.withUnsafeMutableBytes { input in
                var goesOn = true
                while goesOn {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: input[consumed...])
                    switch reader.read(rest) {
                    case .needMore(let count):
                        consumed += count
                        goesOn = false
                    case .message(_, let payload, let count):
                        if let json = try? JSON.parse(payload.slice(from: rest)) {
                            let message = TestMessage(json)
                            // A pong that nobody asked for is the server's sign of life.
                            let isNews = message.type != "pong" || message.ref != nil
                            if isNews { messages.append(message) }
                        }
                        consumed += count
                    case .ping(let range, let count):
                        append(.pong, [UInt8](rest[range]))
                        consumed += count
                    case .pong(_, let count), .passedOver(let count): consumed += count
                    case .close(let code, _, let count):
                        consumed += count
                        ended(code.map { Int($0.rawValue) })
                    case .reject, .begins:
                        ended(nil)
                        goesOn = false
                    }
                }
            }
            input.removeFirst(min(consumed, input.count))
        }

        private func ended(_ code: Int?) {
            guard !hasEnded else { return }
            hasEnded = true
            messages.append(TestMessage(closed: code))
            if code != nil { append(.close, []) }
            give()
        }

        func end(_ error: TestError) {
            let error = TestError("\(request.title): \(error)")
            let (opened, wanted) = (self.opened, self.wanted)
            (self.opened, self.wanted, deadline) = (nil, nil, nil)
            if opened != nil { isOver = true }
            opened?(.failure(error))
            wanted?.reply(.failure(error))
        }
    }
#endif
