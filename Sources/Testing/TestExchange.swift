// One request and its answer on a connection of their own.

#if DEBUG
    import MizuBytes
    import MizuEventLoop
    import MizuHTTP
    import MizuTransport

    /// A request as bytes, and as a person would name it.
    struct TestRequest: Sendable {
        let title: String
        let bytes: [UInt8]
        let method: HTTPMethod

        /// - Parameter changes: fields that take the place of those before; an empty one takes its
        ///   field away.
        init(
            _ method: String, _ path: String, _ fields: [(String, String)],
            _ changes: [String: String], body: [UInt8] = [], by user: String?
        ) {
            title = "\(method) \(path)" + (user.map { " as \($0)" } ?? "")
            self.method = HTTPMethod.allCases.first { "\($0.name)" == method } ?? .other
            var lines = fields.filter { field in
                !changes.contains { $0.key.lowercased() == field.0.lowercased() }
            }
            lines += changes.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }
                .map { ($0.key, $0.value) }
            let head = lines.map { "\($0.0): \($0.1)\r\n" }.joined()
            bytes = Array("\(method) \(path) HTTP/1.1\r\n\(head)\r\n".utf8) + body
        }
    }

    /// Bytes that go out as the pipe takes them.
    struct TestOutput {
        private var bytes: [UInt8] = []
        private var sent = 0

        mutating func append(_ more: [UInt8]) { bytes += more }

        mutating func carry(to pipe: MemoryPipe) -> Bool {
            guard sent < bytes.count else { return false }
            let count = bytes.withUnsafeBytes {
                pipe.send(UnsafeRawBufferPointer(rebasing: $0[sent...]))
            }
            sent += count
            if sent == bytes.count { (bytes, sent) = ([], 0) }
            return count > 0
        }
    }

    /// The bytes of an answer, until it is whole.
    struct TestAnswer: ~Copyable {
        private(set) var input = ByteBuffer(capacity: 4096)
        private var head = ResponseHead()
        private var status = 0
        private var headers: [(name: String, value: String)] = []
        private var body: BodyReader?
        private var content = ByteBuffer(capacity: 1024)

        enum Step {
            case more
            case whole(TestResponse)
            case malformed(String)
        }

        static let limits = HTTPLimits(bodyBytesMax: 64 << 20)

        mutating func append(_ bytes: [UInt8]) { input.append(bytes) }

        /// What came behind the answer.
        var rest: [UInt8] { [UInt8](input.readable) }

        /// Reads on in what has come.
        mutating func read(answering request: TestRequest) -> Step {
            while body == nil {
                switch ResponseParser.parse(
                    input.readable, into: &head, answering: request.method)
                {
                case .needMore: return .more
                case .reject(let reject): return .malformed("\(reject.message)")
                case .head(let count):
                    if !head.isInterim { takeHead() }
                    input.consume(count)
                }
            }
            guard var reader = body else { return .more }
            switch reader.read(input.readable, into: &content) {
            case .needMore(let count):
                input.consume(count)
                body = reader
                return .more
            case .complete(let count):
                input.consume(count)
                return .whole(response(to: request))
            case .reject(let reject): return .malformed("\(reject.message)")
            }
        }

        private mutating func takeHead() {
            let bytes = input.readable
            status = Int(head.status.code)
            headers = head.fields.map { field in
                (
                    String(decoding: field.name.bytes(in: bytes), as: UTF8.self),
                    String(decoding: field.value.bytes(in: bytes), as: UTF8.self)
                )
            }
            body = BodyReader(head.framing, limits: Self.limits)
        }

        /// The connection has ended: that completes an answer without a length.
        mutating func atEnd(answering request: TestRequest) -> Step {
            guard let body, body.endsWithConnection else {
                return .malformed("the connection ended before the answer did")
            }
            return .whole(response(to: request))
        }

        private mutating func response(to request: TestRequest) -> TestResponse {
            TestResponse(to: request.title, status, headers, [UInt8](content.readable))
        }
    }

    final class TestExchange: TestTalk {
        let pipe = MemoryPipe()
        private(set) var deadline: Instant?
        private let request: TestRequest
        private var output = TestOutput()
        private var answer = TestAnswer()
        private var reply: TestHouse.Reply<TestResponse>?

        init(_ request: TestRequest, _ reply: @escaping TestHouse.Reply<TestResponse>) {
            self.request = request
            self.reply = reply
            output.append(request.bytes)
            deadline = .machine.adding(milliseconds: TestHouse.patienceMilliseconds)
        }

        var isOver: Bool { reply == nil }

        func carry() -> Bool {
            guard reply != nil else { return false }
            let hasSent = output.carry(to: pipe)
            let bytes = pipe.receive()
            guard !bytes.isEmpty else {
                if !hasSent, pipe.ending != nil { take(answer.atEnd(answering: request)) }
                return hasSent
            }
            answer.append(bytes)
            take(answer.read(answering: request))
            return true
        }

        private func take(_ step: TestAnswer.Step) {
            switch step {
            case .more: break
            case .whole(let response): finish(.success(response))
            case .malformed(let why): finish(.failure(TestError("\(request.title): \(why)")))
            }
        }

        func end(_ error: TestError) {
            finish(.failure(TestError("\(request.title): \(error)")))
        }

        private func finish(_ result: Result<TestResponse, TestError>) {
            let answered = reply
            (deadline, reply) = (nil, nil)
            answered?(result)
        }
    }
#endif
