// An app in the test's own process, as its clients meet it: requests, forms, cookies, pushes and
// sockets go through the whole server, and neither through a socket nor past the time of day.
//
//   let app = try TestApp { try makeApp($0, assets: embeddedAssets()) }
//   let page = try await app.get("/", as: "ann")
//   #expect(page.status == 200)
//
// The app has one worker, one thread of its own to turn it (TestHouse), connections in memory, a
// clock that stands still until the test moves it, random numbers from a seed, and a database in
// memory unless the test names a file. What a request has caused on its worker is done when its
// answer is there.

#if DEBUG
    import Mizu
    import MizuEventLoop

    /// An app under test. Any thread and any task may use it; it ends with its last reference.
    public final class TestApp: Sendable {
        let house: TestHouse

        /// Makes the app and turns it.
        /// - Parameters:
        ///   - settings: as in the environment, on top of `DATABASE_URL=memory:` and
        ///     `LOG_LEVEL=error`. The environment itself is not looked at.
        ///   - clock: what the app takes for the time; it stands still until `advance`.
        ///   - seed: where random numbers of the app begin: ids, tokens, epochs.
        ///   - make: the app's own function; it runs on the app's thread.
        /// - Throws: what `make` throws, `ConfigurationError` and `StartError`.
        public init(
            settings: [String: String] = [:], clock: TestClock = TestClock(), seed: UInt64 = 1,
            _ make: @escaping @Sendable (Configuration) throws -> App
        ) throws {
            let defaults = ["DATABASE_URL": "memory:", "LOG_LEVEL": "error", "DISK_FREE_MIN": "0"]
            var configuration = try Configuration.from(
                environment: defaults.merging(settings) { $1 })
            configuration.addresses = []
            configuration.workers = 1
            house = try TestHouse.start(
                configuration, TestWorld(clock: clock.manual, seed: seed), make)
        }

        deinit { house.end() }

        /// Ends the app and closes its database: another one may be made of the same file then.
        /// Requests that are under way, and later ones, throw.
        public func stop() { house.end() }

        // MARK: Who asks

        /// A browser of somebody's: its cookies are its own.
        /// - Parameters:
        ///   - user: whose every request is, without any sign-in: handlers find it in
        ///     `request.user`, whatever the app's own middleware says. Nil: the app decides.
        ///   - address: where it connects from.
        public func browser(
            as user: String? = nil, from address: String = "127.0.0.1"
        ) -> TestBrowser {
            TestBrowser(house, as: user, from: address)
        }

        /// The browser that the calls below use for `user`; always the same one.
        func kept(_ user: String?) -> TestBrowser {
            house.browsers.withLock { browsers in
                if let known = browsers[user] { return known }
                let fresh = TestBrowser(house, as: user, from: "127.0.0.1")
                browsers[user] = fresh
                return fresh
            }
        }

        // MARK: Time

        /// Moves the app's clock on. The worker wakes at each moment that it waits for, as one that
        /// runs does; other threads of the app are woken once, at the end.
        public func advance(_ duration: Duration) async throws(TestError) {
            let (seconds, attoseconds) = duration.components
            let milliseconds = max(0, seconds) * 1000 + attoseconds / 1_000_000_000_000_000
            try await house.advance(milliseconds: UInt64(clamping: milliseconds))
        }

        /// Waits until the worker has nothing left to do at this moment.
        public func settle() async throws(TestError) {
            try await house.advance(milliseconds: 0)
        }
    }

    /// A clock that stands still until a test moves it (`TestApp.advance`). Apps may share one.
    public final class TestClock: Sendable {
        let manual: ManualClock

        /// - Parameter wallMilliseconds: the time of day at the beginning, in milliseconds since
        ///   1970; by default the first second of 2026.
        public init(wallMilliseconds: Int64 = 1_767_225_600_000) {
            manual = ManualClock(wallMilliseconds: wallMilliseconds)
        }

        /// Milliseconds since 1970-01-01T00:00:00Z.
        public var wallMilliseconds: Int64 { manual.wallMilliseconds }
    }
#else
    import Mizu

    /// Apps are tested in debug builds, which `swift test` makes: a release build has neither
    /// connections in memory nor a clock that a test could set.
    @available(*, unavailable, message: "MizuTesting needs a debug build: no -c release")
    public final class TestApp: Sendable {}
#endif
