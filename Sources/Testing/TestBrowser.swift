// Somebody's browser, as far as a server can tell: it keeps cookies, says where a form was sent
// from, and follows redirects if it is asked to. It renders nothing and runs no script.

#if DEBUG
    import Mizu
    import MizuBytes
    import MizuEventLoop
    import MizuHTTP
    import Synchronization

    /// What a browser does with an answer that sends it elsewhere.
    public enum TestRedirects: Sendable {
        /// Returns the redirect itself.
        case returned
        /// Asks there, as browsers do, up to ten times in a row, and returns the last answer.
        case followed
    }

    /// One user's browser (`TestApp.browser`). Any thread. Its app must outlive it.
    public final class TestBrowser: Sendable {
        /// Whose every request is; nil: the app decides by what the request carries.
        public let user: String?
        let house: TestHouse
        private let address: String
        private let jar = Mutex(TestCookies())

        init(_ house: TestHouse, as user: String?, from address: String) {
            self.house = house
            self.user = user
            self.address = address
        }

        // MARK: Cookies

        /// The cookies that it has, by name.
        public var cookies: [String: String] {
            get { jar.withLock { $0.values } }
            set { jar.withLock { $0.values = newValue } }
        }

        // MARK: Requests

        public func get(
            _ path: String, headers: [String: String] = [:],
            redirects: TestRedirects = .returned
        ) async throws(TestError) -> TestResponse {
            try await send("GET", path, headers: headers, redirects: redirects)
        }

        /// Posts fields as a form of a page does.
        public func post(
            _ path: String, form: [String: String], headers: [String: String] = [:],
            redirects: TestRedirects = .returned
        ) async throws(TestError) -> TestResponse {
            let body = form.sorted { $0.key < $1.key }.map {
                PercentCoding.encode($0.key) + "=" + PercentCoding.encode($0.value)
            }
            return try await send(
                "POST", path, headers: headers, type: "application/x-www-form-urlencoded",
                body: Array(body.joined(separator: "&").utf8), redirects: redirects)
        }

        /// Posts JSON: a value that encodes to it.
        public func post(
            _ path: String, json: some Encodable, headers: [String: String] = [:]
        ) async throws -> TestResponse {
            let body = try JSONEncoding.encode(json)
            return try await send(
                "POST", path, headers: headers, type: "application/json", body: body.array)
        }

        /// Posts JSON as it is written.
        public func post(
            _ path: String, json text: String, headers: [String: String] = [:]
        ) async throws(TestError) -> TestResponse {
            try await send(
                "POST", path, headers: headers, type: "application/json", body: Array(text.utf8))
        }

        /// Sends any request. A field in `headers` takes the place of the browser's own of that
        /// name, and an empty one leaves it out.
        public func send(
            _ method: String, _ path: String, headers: [String: String] = [:],
            type: String? = nil, body: [UInt8] = [], redirects: TestRedirects = .returned
        ) async throws(TestError) -> TestResponse {
            var response = try await exchange(method, path, headers, type, body)
            var hops = 0
            while redirects == .followed, (300..<400).contains(response.status.code), hops < 10,
                let target = response.location
            {
                hops += 1
                // 307 and 308 send the same again; the others become a GET (RFC 9110 §15.4).
                let isSame = response.status == 307 || response.status == 308
                response = try await exchange(
                    isSame ? method : "GET", target, headers, isSame ? type : nil,
                    isSame ? body : [])
            }
            return response
        }

        private func exchange(
            _ method: String, _ path: String, _ headers: [String: String], _ type: String?,
            _ body: [UInt8]
        ) async throws(TestError) -> TestResponse {
            var fields = self.fields(of: method)
            if let type { fields.append(("Content-Type", type)) }
            if !body.isEmpty || method != "GET" {
                fields.append(("Content-Length", "\(body.count)"))
            }
            let request = TestRequest(method, path, fields, headers, body: body, by: user)
            let peer = try self.peer
            let response: TestResponse = try await house.ask(request.title) { inside, reply in
                _ = inside.add(TestExchange(request, reply), from: peer)
            }
            take(response)
            return response
        }

        var peer: PeerAddress {
            get throws(TestError) {
                guard let peer = PeerAddress(address: address, port: 50_000) else {
                    throw TestError("\(address) is no address")
                }
                return peer
            }
        }

        /// What a browser adds to a request of a page of this server.
        func fields(of method: String) -> [(String, String)] {
            var fields = [("Host", "localhost")]
            if method != "GET", method != "HEAD" {
                fields += [("Origin", "http://localhost"), ("Sec-Fetch-Site", "same-origin")]
            }
            if let cookies = jar.withLock({ $0.field }) { fields.append(("Cookie", cookies)) }
            if let user { fields.append((TestUser.field, PercentCoding.encode(user))) }
            return fields
        }

        func take(_ response: TestResponse) {
            jar.withLock { jar in
                for (name, value) in response.headers where name.lowercased() == "set-cookie" {
                    jar.take(value)
                }
            }
        }
    }

    /// A browser's cookies for the one host that there is: by name, whatever path they are for.
    struct TestCookies {
        var values: [String: String] = [:]

        /// The value of the field Cookie; nil without any.
        var field: String? {
            guard !values.isEmpty else { return nil }
            return values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                .joined(separator: "; ")
        }

        /// Takes a `Set-Cookie` (RFC 6265 §5.2); a lifetime of zero and an end in 1970 delete.
        mutating func take(_ text: String) {
            let parts = text.split(separator: ";").map { part in
                String(part.drop { $0 == " " })
            }
            guard let pair = parts.first, let equals = pair.firstIndex(of: "=") else { return }
            let ends = parts.dropFirst().contains { part in
                let part = part.lowercased()
                return part == "max-age=0" || part.hasPrefix("max-age=-")
                    || (part.hasPrefix("expires=") && part.contains(" 1970 "))
            }
            let name = String(pair[..<equals])
            values[name] = ends ? nil : String(pair[pair.index(after: equals)...])
        }
    }
#endif
