// News by LISTEN and NOTIFY against a real PostgreSQL: what is published is heard, and a connection
// that is ended, stopped, wrong or a pool's costs the news and nothing else.

#if Postgres
    import CPostgres
    import Glibc
    import Logging
    import MizuBytes
    import MizuEventLoop
    import MizuSyncPostgres
    import MizuTestSupport
    import Synchronization
    import Testing

    @testable import MizuNews

    @Suite("PostgreSQL's NOTIFY", .enabled(if: PostgresCluster.shared != nil))
    struct NotifyPubSubTests {
        private static let made = Atomic(0)
        /// Of this test alone.
        private let prefix = "t\(Self.made.add(1, ordering: .relaxed).newValue)"
        private var url: String {
            PostgresCluster.url("postgres", "application_name=\(prefix)")
        }

        private func pubSub(
            _ url: String, _ heard: Heard,
            _ change: (inout NotifyPubSub.Settings) -> Void = { _ in }
        ) throws -> NotifyPubSub {
            let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            var settings = NotifyPubSub.Settings(
                database: try PostgresDatabase(url: url, logger: quiet))
            settings.prefix = prefix
            settings.backOff = BackOff(firstMilliseconds: 10, lastMilliseconds: 50)
            // No machine is so slow that it matters, but where a test says so.
            settings.hearingMilliseconds = 60_000
            settings.silenceMilliseconds = 60_000
            change(&settings)
            let pubSub = try NotifyPubSub(settings, logger: quiet, receive: heard.receive)
            try pubSub.start()
            return pubSub
        }

        private func stop(_ pubSubs: NotifyPubSub...) {
            for pubSub in pubSubs { #expect(pubSub.stop(withinMilliseconds: 30_000) == .ended) }
        }

        /// What a statement says first.
        @discardableResult
        private func ask(_ text: String) throws -> String {
            let handle = PQconnectdb(PostgresCluster.url("postgres"))
            defer { PQfinish(handle) }
            let result = PQexec(handle, text)
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            try #require(
                status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK,
                "\(String(cString: PQerrorMessage(handle)))")
            return PQntuples(result) > 0 ? String(cString: PQgetvalue(result, 0, 0)) : ""
        }

        private func end() throws {
            try ask(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE application_name = '\(prefix) news'
                """)
        }

        @Test("who subscribes hears what is published from then on, and no more once it gave up")
        func publishing() throws {
            let (heardA, heardB) = (Heard(), Heard())
            let (a, b) = (try pubSub(url, heardA), try pubSub(url, heardB))
            try #require(try heardA.waits(for: "connected") && heardB.waits(for: "connected"))
            for name in ["one", "two", "it's \"fine\"; DROP TABLE x --\n\0"] {
                b.subscribe(to: ByteSlice(name))
                try #require(try heardB.waits(for: "subscribed \(name)"))
                a.publish("hello", to: ByteSlice(name), isLatest: false)
                try #require(try heardB.waits(for: "\(name): hello"))
            }
            a.publish("\u{1}'\\;\0é", to: "two", isLatest: false)
            try #require(try heardB.waits(for: "two: \u{1}'\\;\0é"))
            b.unsubscribe(from: "one")
            b.subscribe(to: "three")
            try #require(try heardB.waits(for: "subscribed three"))
            heardB.forget()
            a.publish("nobody", to: "one", isLatest: false)
            let large = ByteSlice((0..<300_000).map { UInt8(truncatingIfNeeded: $0) })
            a.publish(large, to: "two", isLatest: false)
            a.publish("end", to: "three", isLatest: false)
            try #require(try heardB.waits(for: "three: end"))
            #expect(heardB.all == ["two: 300000 bytes", "three: end"], "in order")
            #expect(!heardA.all.contains { $0.hasSuffix("hello") })
            #expect(a.statistics.publishedMessages == 7 && a.statistics.droppedMessages == 0)
            #expect(b.statistics.channels == 3)
            stop(a, b)
        }

        @Test("what waits is replaced by what makes it old, and nothing else is")
        func latest() throws {
            let (heardA, heardB) = (Heard(), Heard())
            let (a, b) = (try pubSub(url, heardA), try pubSub(url, heardB))
            try #require(try heardA.waits(for: "connected") && heardB.waits(for: "connected"))
            b.subscribe(to: "one")
            b.subscribe(to: "two")
            try #require(
                try heardB.waits(for: "subscribed one") && heardB.waits(for: "subscribed two"))
            for number in 0..<3_000 {
                a.publish(ByteSlice("\(number)"), to: "one", isLatest: true)
                a.publish(ByteSlice("\(number)"), to: "two", isLatest: false)
            }
            try #require(try heardB.waits(for: "two: 2999"))
            #expect(heardB.all.contains("one: 2999"))
            let two = heardB.all.filter { $0.hasPrefix("two: ") }
            #expect(two == (0..<3_000).map { "two: \($0)" })
            stop(a, b)
        }

        @Test("a thousand channels are a few of PostgreSQL's, and are asked for again")
        func channels() throws {
            let (heardA, heardB) = (Heard(), Heard())
            let (a, b) = (try pubSub(url, heardA), try pubSub(url, heardB))
            for number in 0..<1_000 { b.subscribe(to: ByteSlice("c\(number)")) }
            try #require(try heardA.waits(for: "connected"))
            try #require(
                try eventuallyNow {
                    heardB.all.filter { $0.hasPrefix("subscribed ") }.count == 1_000
                })
            for number in 0..<998 { b.unsubscribe(from: ByteSlice("c\(number)")) }
            heardB.forget()
            try end()
            try #require(try heardB.waits(for: "disconnected") && heardB.waits(for: "connected"))
            try #require(
                try heardB.waits(for: "subscribed c998") && heardB.waits(for: "subscribed c999"))
            try #require(try heardA.waits(for: "connected", times: 2))
            a.publish("lost", to: "c0", isLatest: false)
            a.publish("found", to: "c999", isLatest: false)
            try #require(try heardB.waits(for: "c999: found"))
            #expect(!heardB.all.contains("c0: lost") && !heardB.all.contains("subscribed c0"))
            stop(a, b)
        }

        @Test("a connection that is ended again and again comes back")
        func ended() throws {
            let (heardA, heardB) = (Heard(), Heard())
            let (a, b) = (try pubSub(url, heardA), try pubSub(url, heardB))
            b.subscribe(to: "one")
            for round in 1...5 {
                try #require(try heardA.waits(for: "connected", times: round))
                try #require(try heardB.waits(for: "subscribed one", times: round))
                a.publish(ByteSlice("round \(round)"), to: "one", isLatest: false)
                try #require(try heardB.waits(for: "one: round \(round)"))
                try end()
                try #require(try heardA.waits(for: "disconnected", times: round))
                try #require(try heardB.waits(for: "disconnected", times: round))
            }
            #expect(try eventuallyNow { b.statistics.connections == 6 })
            stop(a, b)
        }

        @Test("a process that stands still is left, and blocks nobody")
        func stopped() throws {
            let heard = Heard()
            let database = "stopped_\(prefix)"
            try ask("CREATE DATABASE \(database)")
            let url = PostgresCluster.url(database, "application_name=\(prefix)")
            let pubSub = try pubSub(url, heard) { settings in
                settings.quietMilliseconds = 50
                settings.silenceMilliseconds = 2_000
            }
            try #require(try heard.waits(for: "connected"))
            let backend = try #require(
                Int32(
                    try ask(
                        """
                        SELECT pid FROM pg_stat_activity
                        WHERE application_name = '\(prefix) news'
                        """)))
            try #require(kill(backend, SIGSTOP) == 0)
            defer { kill(backend, SIGCONT) }
            // It does not come back before something is lost.
            try ask("ALTER DATABASE \(database) ALLOW_CONNECTIONS false")
            try #require(try heard.waits(for: "disconnected"))
            pubSub.publish("lost", to: "one", isLatest: false)
            #expect(pubSub.statistics.droppedMessages >= 1)
            try ask("ALTER DATABASE \(database) ALLOW_CONNECTIONS true")
            try #require(try heard.waits(for: "connected", times: 2))
            stop(pubSub)
        }

        @Test("a stranger who notifies what is none of ours is passed over")
        func strangers() throws {
            let (heardA, heardB) = (Heard(), Heard())
            let (a, b) = (try pubSub(url, heardA), try pubSub(url, heardB))
            b.subscribe(to: "one")
            try #require(try heardA.waits(for: "connected"))
            try #require(try heardB.waits(for: "subscribed one"))
            let place = NotifyChannels(prefix: prefix).place(of: "one").text
            for payload in ["", "x", "AQ==", "é", String(repeating: "A", count: 7_996)] {
                try ask("SELECT pg_notify('\(place)', '\(payload)')")
            }
            a.publish("fine", to: "one", isLatest: false)
            try #require(try heardB.waits(for: "one: fine"))
            #expect(b.statistics.receivedMessages == 1 && b.statistics.connections == 1)
            stop(a, b)
        }

        @Test("where nobody answers it tries again, and ends")
        func nobody() throws {
            let heard = Heard()
            let pubSub = try pubSub(
                "postgres://nobody@127.0.0.1:1/none", heard)
            pubSub.subscribe(to: "one")
            try #require(try eventuallyNow { !pubSub.statistics.lastFailure.isEmpty })
            pubSub.publish("lost", to: "one", isLatest: false)
            #expect(pubSub.statistics.droppedMessages == 1 && heard.all.isEmpty)
            stop(pubSub)
        }

        private static let bouncer = getenv("MIZU_TEST_PGBOUNCER").map { String(cString: $0) }

        @Test(
            "a pool that lends connections for a transaction is found out",
            .enabled(if: Self.bouncer != nil, "there is no PgBouncer"))
        func pool() throws {
            let heard = Heard()
            let pubSub = try pubSub(try #require(Self.bouncer), heard) { settings in
                settings.hearingMilliseconds = 500
            }
            try #require(
                try eventuallyNow {
                    pubSub.statistics.lastFailure == "what is notified is not heard"
                })
            #expect(heard.all.isEmpty && !pubSub.isConnected)
            stop(pubSub)
        }
    }
#endif
