// Pushes, pulls and sockets of a browser, as the client library sends them.

#if DEBUG
    import Mizu
    import MizuBytes
    import MizuEventLoop

    extension TestBrowser {
        /// Pushes one mutation; see `TestApp.push`.
        public func push(
            _ name: String, _ arguments: some Encodable, scope: String? = nil, id: String? = nil,
            time: String? = nil
        ) async throws -> TestOutcome {
            let json = try JSONEncoding.encode(arguments)
            return try await push(
                name, json: String(decoding: json.array, as: UTF8.self), scope: scope, id: id,
                time: time)
        }

        /// Pushes one mutation, with arguments as they are written.
        public func push(
            _ name: String, json arguments: String, scope: String? = nil, id: String? = nil,
            time: String? = nil
        ) async throws(TestError) -> TestOutcome {
            let id = id ?? house.freshID()
            let push = TestPush(
                name: name, arguments: arguments, scope: scope, id: id, time: time)
            let response = try await post("/_sync/push", json: push.body)
            return try TestOutcome("\(name) in a \(response.request)", response)
        }

        /// Pulls all that came behind `cursor`; see `TestApp.pull`.
        public func pull(
            scope: String? = nil, after cursor: Int = 0, epoch: String? = nil
        ) async throws -> TestPull {
            var (position, changes) = (cursor, [TestChange]())
            var epoch = epoch
            if cursor > 0, epoch == nil {
                let first = try await post("/_sync/pull", json: PullBody(scope: scope, limit: 1))
                epoch = TestPull(first, behind: []).epoch
            }
            while true {
                let response = try await post(
                    "/_sync/pull",
                    json: PullBody(scope: scope, cursor: position, epoch: epoch))
                let pull = TestPull(response, behind: changes)
                guard response.status == 200, let next = pull.cursor, next > position,
                    try response.json().member("has_more")?.bool == true
                else { return pull }
                (position, changes, epoch) = (next, pull.changes, pull.epoch)
            }
        }

        private struct PullBody: Encodable {
            var scope: String?
            var cursor = 0
            var epoch: String?
            var limit: Int?
        }

        /// Opens `/ws`.
        /// - Throws: `TestError` with the answer if the server opens none.
        public func socket(
            headers: [String: String] = [:]
        ) async throws(TestError) -> TestSocket {
            var fields = self.fields(of: "GET")
            fields += [
                ("Origin", "http://localhost"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ]
            let request = TestRequest("GET", "/ws", fields, headers, by: user)
            let (peer, house) = (try self.peer, self.house)
            let opened: (id: UInt64, response: TestResponse) = try await house.ask(request.title) {
                inside, reply in
                let talk = TestSocketTalk(request)
                let id = inside.add(talk, from: peer)
                talk.onOpen { result in reply(result.map { (id, $0) }) }
            }
            take(opened.response)
            guard opened.response.status == 101 else {
                throw TestError("no socket: \(opened.response)")
            }
            return TestSocket(house, opened.id, title: request.title)
        }
    }
#endif
