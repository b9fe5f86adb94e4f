// What only a shared store meets: others beside it, connections that are ended at every step, a pool
// of connections in between, rows that somebody has spoilt. Runs where PostgreSQL is installed.

#if Postgres
    import CPostgres
    import Glibc
    import MizuBytes
    import MizuSync
    import MizuTestSupport
    import Synchronization
    import Testing

    @testable import MizuSyncPostgres

    @Suite("PostgreSQL, shared", .enabled(if: PostgresSchema.isThere))
    struct PostgresStoreTests {
        /// One node's engine.
        private static func engine(_ url: String) throws -> SyncEngine {
            let store = try PostgresDatabase(url: url, logger: Backing.quiet).makeStore()
            return engine(over: store)
        }

        private static func engine(over store: any SyncStore) -> SyncEngine {
            SyncEngine(
                store: store, mutator: TestMutator(), limits: SyncLimits(),
                now: { 1_800_000_000_000 })
        }

        private static func request(
            _ id: String, in scope: String, client: String? = nil, note: String = "n"
        ) throws -> PushRequest {
            let client = client.map { "\"client\":\"\($0)\"," } ?? ""
            return try PushRequest.parse(
                ByteSlice(
                    """
                    {"scope":"\(scope)",\(client)"mutations":[{"id":"\(id)","name":"note.put",\
                    "args":{"id":"\(note)","text":"t"}}]}
                    """), limits: SyncLimits())
        }

        /// Pushes as a client does, until it is acknowledged.
        private static func push(_ engine: SyncEngine, _ request: PushRequest) throws {
            for _ in 0..<12_000 {
                if case .success = try #require(engine.commit([request]).answers.first) { return }
                usleep(5_000)
            }
            Issue.record("never acknowledged")
        }

        /// Whether the scope's log has these mutations, each once, without a gap.
        private static func expect(
            _ count: Int, in scope: String, _ client: PostgresClient
        ) throws {
            let name = "'\(scope)'::bytea"
            #expect(
                try client.number("SELECT count(*) FROM mizu_log WHERE scope = \(name)") == count)
            #expect(
                try client.number("SELECT cursor FROM mizu_scope WHERE name = \(name)") == count)
            let gaps = """
                SELECT count(*) FROM (
                    SELECT first, coalesce(lag(last) OVER (ORDER BY last), 0) AS before
                    FROM mizu_log WHERE scope = \(name)) AS l WHERE first <> before + 1
                """
            #expect(try client.number(gaps) == 0, "the log has a gap")
            #expect(
                try client.number("SELECT count(*) FROM mizu_outcome WHERE scope = \(name)")
                    == count)
            #expect(
                try client.number("SELECT sum(outcomes) FROM mizu_total")
                    == client.number("SELECT count(*) FROM mizu_outcome"))
        }

        @Test("two stores write to one scope and to others beside each other, without a gap")
        func beside() async throws {
            let schema = try PostgresSchema()
            let url = schema.url
            try await onOwnThreads(
                (0..<2).map { node in
                    {
                        let engine = try Self.engine(url)
                        for number in 0..<40 {
                            let id = "m\(node)-\(number)"
                            try Self.push(engine, Self.request(id, in: "shared"))
                            try Self.push(engine, Self.request(id, in: "own\(node)"))
                        }
                    }
                })
            try Self.expect(80, in: "shared", schema.client)
            try Self.expect(40, in: "own0", schema.client)
            try Self.expect(40, in: "own1", schema.client)
        }

        @Test("of two that wait for each other one is told to begin anew")
        func deadlock() async throws {
            let schema = try PostgresSchema()
            let url = schema.url
            let shared = Counters()
            try await onOwnThreads(
                [("a", "b"), ("b", "a")].map { own, other in
                    {
                        let store = try PostgresDatabase(url: url, logger: Backing.quiet)
                            .makeStore()
                        try store.begin(for: [Self.request("m", in: own)])
                        shared.begun.add(1, ordering: .relaxed)
                        for _ in 0..<100_000 where shared.begun.load(ordering: .relaxed) < 2 {
                            usleep(1_000)
                        }
                        do {
                            _ = try store.scopeState(try #require(Name(other)))
                        } catch let error as StoreError {
                            #expect(error.kind == .conflict)
                            shared.conflicts.add(1, ordering: .relaxed)
                        }
                        store.rollback()
                    }
                })
            #expect(shared.conflicts.load(ordering: .relaxed) == 1)
        }

        private final class Counters: Sendable {
            let begun = Atomic(0)
            let conflicts = Atomic(0)
        }

        @Test("a connection that is ended before the commit costs the batch nothing")
        func endedAtEachStep() throws {
            let schema = try PostgresSchema()
            for (number, place) in [Faults.Place.begin, .read, .append, .setOutcome, .commit]
                .enumerated()
            {
                let faults = Faults()
                let engine = Self.engine(over: FailingStore(try schema.open(), faults))
                try Self.push(engine, Self.request("before\(number)", in: "s", note: "x"))
                var isDue = true
                faults.onPlace = { met in
                    guard isDue, met == place else { return }
                    isDue = false
                    do { try schema.kill() } catch { Issue.record("\(error)") }
                }
                let request = try Self.request("m\(number)", in: "s", note: "n\(number)")
                let result = engine.commit([request])
                faults.onPlace = { _ in }
                #expect(!isDue, "\(place) was not met")
                // The commit itself travels with all writes: there nobody knows.
                if place != .commit {
                    let answer = try #require(result.answers.first)
                    #expect((try? answer.get()) != nil, "\(place): \(result.accident as Any)")
                }
                try Self.push(engine, request)
            }
            try Self.expect(10, in: "s", schema.client)
        }

        @Test("connections that are ended at any moment lose nothing and double nothing")
        func endedAtRandom() async throws {
            let schema = try PostgresSchema()
            let (url, name) = (schema.url, schema.name)
            try await onOwnThreads([
                {
                    let killer = try PostgresClient(PostgresCluster.url("postgres"))
                    for _ in 0..<25 {
                        try killer.run(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE application_name = '\(name)'
                            """)
                        usleep(8_000)
                    }
                },
                {
                    var opened: SyncEngine?
                    for _ in 0..<100 where opened == nil { opened = try? Self.engine(url) }
                    let engine = try #require(opened)
                    for number in 0..<100 {
                        try Self.push(engine, Self.request("m\(number)", in: "s", client: "c"))
                    }
                },
            ])
            try Self.expect(100, in: "s", schema.client)
        }

        @Test("a push costs two round trips, and one behind another to the scope")
        func roundTrips() throws {
            let schema = try PostgresSchema()
            let store = try #require(try schema.open() as? PostgresStore)
            let engine = Self.engine(over: store)
            func cost(_ id: String, note: String = "n") throws -> Int {
                let before = store.connection.roundTrips
                try Self.push(engine, Self.request(id, in: "s", client: "c", note: note))
                return store.connection.roundTrips - before
            }
            let first = try cost("a")
            let second = try cost("b")
            let other = try cost("c", note: "never seen")
            let duplicate = try cost("c", note: "never seen")
            print("round trips: first push \(first), next \(second), other record \(other)")
            #expect(second <= 2)
            #expect(other == 1)
            // The check finds it, and then it is looked up.
            #expect(duplicate <= 3)
        }

        @Test("one trims at a time")
        func trimming() throws {
            let schema = try PostgresSchema()
            let (one, other) = (try schema.open(), try schema.open())
            #expect(try one.beginTrimming())
            #expect(try !other.beginTrimming())
            one.rollback()
            // It was sent, and not waited for.
            var isOurs = false
            for _ in 0..<60_000 where !isOurs {
                isOurs = try other.beginTrimming()
                if !isOurs { usleep(1_000) }
            }
            #expect(isOurs)
            other.rollback()
        }

        @Test("another database, or another timeline of it, begins a new epoch")
        func epochs() throws {
            let schema = try PostgresSchema()
            let (one, other) = (try schema.open(), try schema.open())
            #expect(one.epoch == other.epoch)
            try schema.client.run("UPDATE mizu_meta SET identity = 'another'")
            let third = try schema.open()
            #expect(third.epoch != one.epoch)
            // Those that are open learn of it with their next transaction.
            try one.begin(for: [])
            #expect(one.epoch == third.epoch)
            one.rollback()
        }

        @Test(
            "a row that somebody has spoilt is an error that says so",
            arguments: [
                "UPDATE mizu_scope SET base = cursor + 1", "UPDATE mizu_scope SET epoch = ''",
                "UPDATE mizu_scope SET records = -1", "UPDATE mizu_log SET ends = '\\x0000'",
                "UPDATE mizu_log SET first = last + 1", "UPDATE mizu_log SET ends = '\\xffffffff'",
                "UPDATE mizu_record SET version = -5", "UPDATE mizu_record SET id = '\\x00'",
                "UPDATE mizu_outcome SET cursor = 9223372036854775807",
                "UPDATE mizu_outcome SET epoch = '\\xff'", "DELETE FROM mizu_meta",
                "UPDATE mizu_meta SET epoch = ''", "UPDATE mizu_meta SET compatible = 99",
                "DROP TABLE mizu_log",
            ])
        func spoilt(_ statement: String) throws {
            let schema = try PostgresSchema()
            let store = try schema.open()
            let engine = Self.engine(over: store)
            try Self.push(engine, Self.request("m", in: "s"))
            let reader = try store.makeReader()
            try schema.client.run(statement)
            // None of these may trap; each shows what it has, or says what is wrong.
            _ = engine.commit([try Self.request("m", in: "s")])
            _ = engine.commit([try Self.request("m2", in: "s", note: "n2")])
            _ = try? engine.trim()
            try reader.beginReading(of: "s")
            _ = try? reader.scopeState("s")
            reader.endReading()
            try reader.beginReading(of: "s")
            _ = try? reader.visitLog(of: "s", after: 0) { _ in .next }
            reader.endReading()
            try reader.beginReading(of: "s")
            _ = try? reader.visitRecords(in: "s", after: nil) { _, _ in .next }
            reader.endReading()
            _ = try? reader.scopeStates(of: ["s"])
            _ = try? schema.open()
        }

        @Test("nothing that is said of a URL or a connection has the password")
        func passwords() throws {
            for url in [
                "postgres://ann:s3cret@127.0.0.1:1/x", "postgres://ann:s3cret/@127.0.0.1:1/x",
                "postgres://ann:s3cret@@127.0.0.1:1/x", "postgres://ann:%s3cret@127.0.0.1/x",
                "postgresql://ann@127.0.0.1:1/x?password=s3cret",
            ] {
                let said = Self.said(of: url)
                #expect(!said.isEmpty && !said.contains("s3cret"), "\(said)")
            }
        }

        /// What is told of a URL that leads nowhere.
        private static func said(of url: String) -> String {
            do throws(StoreError) {
                let database = try PostgresDatabase(url: url, logger: Backing.quiet)
                let place = database.place
                do throws(StoreError) {
                    _ = try database.makeStore()
                    return ""
                } catch {
                    return place + error.message
                }
            } catch {
                return error.message
            }
        }

        @Test("a pool that gives each transaction another connection is as good")
        func pooled() async throws {
            let program = "/usr/sbin/pgbouncer"
            guard access(program, X_OK) == 0, let shared = PostgresCluster.shared,
                let folder = TestServer.makeFolder()
            else {
                print("PgBouncer is not installed: a test is skipped")
                return
            }
            let configuration = """
                [databases]
                * = host=\(shared.folder) port=5432 user=\(shared.user)
                [pgbouncer]
                listen_port = 6432
                unix_socket_dir = \(folder)
                auth_type = any
                pool_mode = transaction
                default_pool_size = 3
                """
            try Backing.write(Array(configuration.utf8), to: folder + "/pool.ini")
            chmod(folder + "/pool.ini", 0o644)
            let pool = try #require(
                TestServer(folder: folder, command: "\(program) \(folder)/pool.ini"))
            try #require(pool.waits(for: "process up", in: "log"))
            let admin = try PostgresClient(PostgresCluster.url("postgres"))
            try admin.run("CREATE DATABASE pooled")
            let url = "postgres://\(shared.user)@/pooled?host=\(folder)&port=6432"
            try await onOwnThreads(
                (0..<2).map { node in
                    {
                        let database = try PostgresDatabase(url: url, logger: Backing.quiet)
                        let store = try database.makeStore()
                        let engine = Self.engine(over: store)
                        let reader = try store.makeReader()
                        for number in 0..<20 {
                            let id = "m\(node)-\(number)"
                            try Self.push(engine, Self.request(id, in: "s", client: "c\(node)"))
                            #expect(try reader.scopeStates(of: ["s"])[0].head.cursor > number)
                        }
                    }
                })
            try Self.expect(40, in: "s", PostgresClient(PostgresCluster.url("pooled")))
        }
    }
#endif
