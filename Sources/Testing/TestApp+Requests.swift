// The short forms: a request of a user's, in the browser that the app under test keeps for that
// user. So cookies of "ann" are hers from one call to the next, and those of nobody are nobody's.

#if DEBUG
    import Mizu

    extension TestApp {
        /// Asks for a page.
        /// - Parameters:
        ///   - user: whose request it is (`browser(as:)`).
        ///   - headers: fields of the request; see `TestBrowser.send`.
        ///   - redirects: whether to go where the answer sends.
        public func get(
            _ path: String, as user: String? = nil, headers: [String: String] = [:],
            redirects: TestRedirects = .returned
        ) async throws(TestError) -> TestResponse {
            try await kept(user).get(path, headers: headers, redirects: redirects)
        }

        /// Posts fields as a form of a page does.
        public func post(
            _ path: String, form: [String: String], as user: String? = nil,
            headers: [String: String] = [:], redirects: TestRedirects = .returned
        ) async throws(TestError) -> TestResponse {
            try await kept(user).post(path, form: form, headers: headers, redirects: redirects)
        }

        /// Posts JSON: a value that encodes to it.
        public func post(
            _ path: String, json: some Encodable, as user: String? = nil,
            headers: [String: String] = [:]
        ) async throws -> TestResponse {
            try await kept(user).post(path, json: json, headers: headers)
        }

        /// Posts JSON as it is written.
        public func post(
            _ path: String, json text: String, as user: String? = nil,
            headers: [String: String] = [:]
        ) async throws(TestError) -> TestResponse {
            try await kept(user).post(path, json: text, headers: headers)
        }

        /// Sends any request; see `TestBrowser.send`.
        public func send(
            _ method: String, _ path: String, as user: String? = nil,
            headers: [String: String] = [:], type: String? = nil, body: [UInt8] = []
        ) async throws(TestError) -> TestResponse {
            try await kept(user).send(method, path, headers: headers, type: type, body: body)
        }

        // MARK: Sync

        /// Pushes one mutation by `/_sync/push`.
        /// - Parameters:
        ///   - name: the mutation's, as `note.write`.
        ///   - arguments: what encodes to a JSON object.
        ///   - id: of the mutation; nil: a new one.
        ///   - time: when it was made on its device (RFC 3339); nil: it does not say.
        public func push(
            _ name: String, _ arguments: some Encodable, as user: String? = nil,
            scope: String? = nil, id: String? = nil, time: String? = nil
        ) async throws -> TestOutcome {
            try await kept(user).push(name, arguments, scope: scope, id: id, time: time)
        }

        /// The same, with arguments as they are written.
        public func push(
            _ name: String, json arguments: String, as user: String? = nil,
            scope: String? = nil, id: String? = nil, time: String? = nil
        ) async throws(TestError) -> TestOutcome {
            try await kept(user).push(name, json: arguments, scope: scope, id: id, time: time)
        }

        /// Pulls by `/_sync/pull` what came behind `cursor`, all pages of it.
        /// - Parameter epoch: of `cursor`; nil: the one that the scope has now.
        public func pull(
            as user: String? = nil, scope: String? = nil, after cursor: Int = 0,
            epoch: String? = nil
        ) async throws -> TestPull {
            try await kept(user).pull(scope: scope, after: cursor, epoch: epoch)
        }

        /// Opens `/ws`.
        /// - Throws: `TestError` with the answer if the server opens none.
        public func socket(
            as user: String? = nil, headers: [String: String] = [:]
        ) async throws(TestError) -> TestSocket {
            try await kept(user).socket(headers: headers)
        }
    }
#endif
