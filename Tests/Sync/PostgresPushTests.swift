// What a push costs PostgreSQL, as far as that can be said without a clock: how it looks things up,
// and that the short way of a lone push comes to the same as the way of a batch. Runs where
// PostgreSQL is installed.

#if Postgres
    import MizuBytes
    import MizuSync
    import Testing

    @testable import MizuSyncPostgres

    @Suite("PostgreSQL, pushes", .enabled(if: PostgresSchema.isThere))
    struct PostgresPushTests {
        private static func engine(_ schema: PostgresSchema) throws -> SyncEngine {
            SyncEngine(
                store: try schema.open(epoch: "e"), mutator: TestMutator(), limits: SyncLimits(),
                now: { 1_800_000_000_000 })
        }

        /// A push of one mutation; of none without an id.
        private static func request(
            _ id: String?, note: String = "n", remove: Bool = false
        ) throws -> PushRequest {
            let name = remove ? "note.delete" : "note.put"
            let mutation = id.map {
                """
                {"id":"\($0)","name":"\(name)","args":{"id":"\(note)","text":"t"}}
                """
            }
            return try PushRequest.parse(
                ByteSlice(
                    """
                    {"scope":"s","client":"c","mutations":[\(mutation ?? "")]}
                    """), limits: SyncLimits())
        }

        private static func commit(
            _ batch: [PushRequest], _ engine: SyncEngine
        ) throws -> CommitResult {
            let result = engine.commit(batch)
            for answer in result.answers { _ = try answer.get() }
            return result
        }

        @Test("one push and several leave the same rows")
        func sameRows() throws {
            var found: [[String]] = []
            for isLone in [true, false] {
                let schema = try PostgresSchema()
                let engine = try Self.engine(schema)
                for number in 0..<8 {
                    let request = try Self.request(
                        "m\(number)", note: "n\(number % 2)", remove: number == 5)
                    // A push of nothing makes it a batch.
                    let nothing = try Self.request(nil)
                    _ = try Self.commit(isLone ? [request] : [request, nothing], engine)
                }
                found.append(try Self.rows(schema))
            }
            #expect(found[0] == found[1])
            #expect(!found[0].contains(where: \.isEmpty) || found[0][6].isEmpty)
        }

        /// What somebody else may do to what the push before has left.
        private static let byOthers = [
            "UPDATE mizu_client SET pushed = pushed + 1",
            "UPDATE mizu_client SET outcomes = outcomes + 1", "DELETE FROM mizu_client",
            "UPDATE mizu_scope SET base = 1", "UPDATE mizu_meta SET epoch = 'other'",
            "INSERT INTO mizu_record SELECT scope, entity, 'n2', version, data FROM mizu_record",
            """
            INSERT INTO mizu_outcome SELECT scope, 'c', review, cursor, epoch, code, message, high,
                low, owner, client, sequence FROM mizu_outcome WHERE mutation = 'b'
            """,
        ]

        @Test("what a push takes to be known is looked up where it is not so", arguments: byOthers)
        func changedMeanwhile(_ statement: String) throws {
            var found: [[String]] = []
            var answers: [String] = []
            for isLone in [true, false] {
                let schema = try PostgresSchema()
                let engine = try Self.engine(schema)
                let nothing = try Self.request(nil)
                for id in ["a", "b"] {
                    _ = try Self.commit([Self.request(id)] + (isLone ? [] : [nothing]), engine)
                }
                try schema.client.run(statement)
                let request = try Self.request("c", note: "n2")
                let result = engine.commit(isLone ? [request] : [request, nothing])
                answers.append("\(result.answers[0])")
                if isLone { #expect(result.conflicts == 1) }
                found.append(try Self.rows(schema))
            }
            #expect(found[0] == found[1])
            #expect(answers[0] == answers[1])
        }

        @Test("two that push to one scope in turn leave no gap, and apply each mutation once")
        func inTurn() throws {
            let schema = try PostgresSchema()
            let engines = try [Self.engine(schema), Self.engine(schema)]
            for number in 0..<60 {
                // At times one is alone for a while, and goes on from what it has left.
                let engine = engines[number % 20 < 12 ? 0 : number % 2]
                _ = try Self.commit([Self.request("m\(number)", note: "n\(number % 7)")], engine)
            }
            #expect(try schema.client.number("SELECT cursor FROM mizu_scope") == 60)
            #expect(
                try schema.client.number(
                    "SELECT count(DISTINCT last) FROM mizu_log WHERE first = last") == 60)
            #expect(try schema.client.number("SELECT count(*) FROM mizu_outcome") == 60)
            #expect(try schema.client.number("SELECT records FROM mizu_scope") == 7)
            #expect(try schema.client.number("SELECT sum(outcomes)::int8 FROM mizu_total") == 60)
        }

        private static func rows(_ schema: PostgresSchema) throws -> [String] {
            try ["scope", "epoch", "log", "record", "outcome", "client", "account"].map {
                try schema.client.run(
                    "SELECT string_agg(t::text, '; ' ORDER BY t) FROM mizu_\($0) t") ?? ""
            }
        }

        @Test("a scope whose row is gone, as in an older state that was put back, begins anew")
        func goneRow() throws {
            let schema = try PostgresSchema()
            let engine = try Self.engine(schema)
            for id in ["a", "b"] { _ = try Self.commit([Self.request(id)], engine) }
            for isBatch in [false, true] {
                try schema.client.run(
                    """
                    DELETE FROM mizu_scope; DELETE FROM mizu_log; DELETE FROM mizu_epoch;
                    DELETE FROM mizu_record; DELETE FROM mizu_outcome; DELETE FROM mizu_client
                    """)
                let ids = isBatch ? ["a", "b"] : ["a"]
                let result = try Self.commit(ids.map { try Self.request($0) }, engine)
                #expect(result.conflicts == 1)
                for table in ["log", "outcome"] {
                    #expect(
                        try schema.client.number("SELECT count(*) FROM mizu_\(table)")
                            == ids.count)
                }
                #expect(try schema.client.number("SELECT cursor FROM mizu_scope") == ids.count)
            }
        }

        @Test(
            "a look-up that was planned while its table was empty is by the key",
            arguments: ["outcomes", "clients", "keys", "scopes"])
        func plans(_ kind: String) throws {
            let schema = try PostgresSchema()
            _ = try schema.open()
            let (statement, count) =
                switch kind {
                case "outcomes": (Prefetch.outcome, 2)
                case "clients": (Prefetch.client, 2)
                case "keys": (Prefetch.record, 3)
                default: (Prefetch.lock, 1)
                }
            let types = Array(repeating: "bytea[]", count: count).joined(separator: ", ")
            let values = Array(repeating: "'{}'", count: count).joined(separator: ", ")
            let explain = "EXPLAIN (FORMAT JSON) EXECUTE q(\(values))"
            try schema.client.run("PREPARE q(\(types)) AS \(statement.text)")
            try schema.client.run("SET plan_cache_mode = force_generic_plan")
            let plan = try #require(try schema.client.run(explain))
            #expect(plan.contains("_pkey") && !plan.contains("Seq Scan"), "\(plan)")
            // The server keeps a plan if one for the parameters at hand looks no better.
            try schema.client.run("SET plan_cache_mode = force_custom_plan")
            #expect(Self.cost(of: try schema.client.run(explain)) == Self.cost(of: plan))
        }

        /// The first line that says one.
        private static func cost(of plan: String?) -> Substring? {
            plan?.split(separator: "\n").first { $0.contains("Total Cost") }
        }
    }
#endif
