// Of several primaries of one database the latest alone is used: an old one that comes back as it
// was would make a second truth.

#if Postgres
    import MizuBytes
    import MizuSync
    import Testing

    @testable import MizuSyncPostgres

    @Suite("Primaries of PostgreSQL")
    struct PrimaryHistoryTests {
        private let first = PrimaryTerm(system: 7, timeline: 1)
        private let second = PrimaryTerm(system: 7, timeline: 2)
        private let stranger = PrimaryTerm(system: 8, timeline: 9)

        @Test("an older primary and another cluster are refused, a later primary is learnt of")
        func judging() {
            let history = PrimaryHistory(logger: Backing.quiet)
            history.heard(second)
            #expect(history.latest == nil, "before anything is known it may be another app's")
            #expect(history.judge(first) == .latest)
            history.heard(stranger)
            #expect(history.latest == first)
            #expect(history.judge(stranger) == .stranger(beside: first))
            #expect(history.isLatest(first))
            history.heard(second)
            #expect(!history.isLatest(first))
            #expect(history.judge(first) == .older(than: second))
            history.heard(first)
            #expect(history.judge(second) == .latest)
        }

        @Test("each host of a URL is found by itself, with its port")
        func hosts() throws {
            func places(_ url: String) throws -> [String] {
                ConnectionParameter.eachHost(of: try ConnectionParameter.parse(url)).map {
                    ConnectionParameter.place(of: $0)
                }
            }
            #expect(
                try places("postgres://ann@a:1,b:2/x") == [
                    "PostgreSQL at a port 1 database x", "PostgreSQL at b port 2 database x",
                ])
            #expect(
                try places("postgres:///x?host=a,b&port=5") == [
                    "PostgreSQL at a port 5 database x", "PostgreSQL at b port 5 database x",
                ])
            #expect(try places("postgres://a/x") == ["PostgreSQL at a database x"])
        }

        @Test(
            "what is open to a primary that another one has followed is used no more",
            .enabled(if: PostgresSchema.isThere))
        func superseded() throws {
            let schema = try PostgresSchema()
            let database = try schema.database
            let store = try database.makeStore()
            let reader = try database.makeReader()
            func begin() throws { try store.begin(); store.rollback() }
            try begin()
            _ = try reader.scopeStates(of: ["s"])
            let own = try #require(database.term)
            database.heard(PrimaryTerm(system: own.system, timeline: own.timeline + 1))
            for use in [begin, { _ = try reader.scopeStates(of: ["s"]) }] {
                let error = #expect(throws: StoreError.self) { try use() }
                #expect(error?.kind == .unavailable)
                #expect(error?.message.contains("is an old primary") == true, "\(error as Any)")
            }
            // A process that starts knows of no other.
            _ = try schema.open()
        }
    }
#endif
