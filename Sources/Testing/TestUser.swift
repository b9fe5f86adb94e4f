// Whose a test's request is, without a sign-in: a field of the request says so, and a middleware
// believes it. No server that runs has that middleware: `App.step` adds it, for tests.

#if DEBUG
    import Mizu
    import MizuHTTP
    import MizuRouting

    enum TestUser {
        static let field = "Mizu-Test-User"

        /// Runs before the app's middleware, which may want to know, and behind it, because the
        /// app's own may have set another.
        static let middleware: Middleware = { request in
            if let user = request.header(field) {
                request.user = PercentCoding.decode(Array(user.utf8)).map {
                    String(decoding: $0, as: UTF8.self)
                }
                request.userExpires = nil
            }
            return nil
        }
    }
#endif
