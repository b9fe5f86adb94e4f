// Files as versions 1 and 2 left them, with every kind of row, taken over and read again through
// the store's protocol; and one that cannot be, which stays as it was.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("A database of an older version")
struct MigrationTests {
    private static let version1 = """
        CREATE TABLE settings(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE scopes(scope BLOB PRIMARY KEY, cursor INTEGER NOT NULL,
            base INTEGER NOT NULL, records INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE epochs(scope BLOB NOT NULL, first INTEGER NOT NULL, epoch BLOB NOT NULL,
            PRIMARY KEY(scope, first)) WITHOUT ROWID;
        CREATE TABLE records(scope BLOB NOT NULL, entity BLOB NOT NULL, id BLOB NOT NULL,
            data BLOB NOT NULL, PRIMARY KEY(scope, entity, id)) WITHOUT ROWID;
        CREATE TABLE changes(scope BLOB NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
            time INTEGER NOT NULL, ends BLOB NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY(scope, last)) WITHOUT ROWID;
        CREATE TABLE outcomes(scope BLOB NOT NULL, mutation BLOB NOT NULL, high INTEGER NOT NULL,
            low INTEGER NOT NULL, user BLOB NOT NULL, client BLOB NOT NULL,
            sequence INTEGER NOT NULL, review INTEGER NOT NULL, cursor INTEGER NOT NULL,
            epoch BLOB NOT NULL, code BLOB NOT NULL, error BLOB NOT NULL,
            PRIMARY KEY(scope, mutation)) WITHOUT ROWID;
        CREATE INDEX outcomes_by_review ON outcomes(review);
        CREATE TABLE clients(client BLOB NOT NULL, scope BLOB NOT NULL, user BLOB NOT NULL,
            pushed INTEGER NOT NULL, outcomes INTEGER NOT NULL,
            PRIMARY KEY(client, scope)) WITHOUT ROWID;
        CREATE INDEX clients_by_user ON clients(scope, user, pushed);
        INSERT INTO settings VALUES('epoch', CAST('old' AS BLOB)), ('salt', x'0102030405060708');
        PRAGMA application_id=1298758261;
        PRAGMA user_version=1;
        """

    /// What version 2 had beyond version 1, with values for what is in the rows below.
    private static let version2 = """
        ALTER TABLE records ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN owner BLOB NOT NULL DEFAULT x'';
        CREATE TABLE accounts(account BLOB PRIMARY KEY, scopes INTEGER NOT NULL,
            bytes INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE totals(id INTEGER PRIMARY KEY CHECK(id = 1), aging INTEGER NOT NULL,
            outcomes INTEGER NOT NULL);
        UPDATE scopes SET checksum = 77, bytes = 1234, log_bytes = 5678,
            owner = CAST('uann' AS BLOB);
        UPDATE records SET version = 5;
        INSERT INTO accounts VALUES(CAST('uann' AS BLOB), 2, 2468);
        INSERT INTO totals VALUES(1, 1800000000777, 40);
        PRAGMA user_version=2;
        """

    private static let scopes: [(name: Name, base: Int, mutations: Int)] = [
        ("a \"quoted\" é", 0, 7), ("b", 30, 400), ("c", 0, 1),
    ]

    /// Makes the file, and says what is in its logs: one entry for each mutation.
    private func make(_ path: String, version: Int) throws -> [Name: [LogEntry]] {
        var logs: [Name: [LogEntry]] = [:]
        let connection = try Connection(path, as: .writer)
        try connection.run("BEGIN")
        try connection.run(Self.version1)
        let scope = try Statement(connection, "INSERT INTO scopes VALUES(?, ?, ?, 2)")
        let epoch = try Statement(connection, "INSERT INTO epochs VALUES(?, ?, ?)")
        let change = try Statement(connection, "INSERT INTO changes VALUES(?, ?, ?, ?, ?, ?)")
        let record = try Statement(
            connection, "INSERT INTO records(scope, entity, id, data) VALUES(?, ?, ?, ?)")
        for (index, (name, base, mutations)) in Self.scopes.enumerated() {
            let entries = LogBlockTests.entries(
                mutations, from: base + 1, changesMax: 3, size: 200, seed: UInt64(index))
            logs[name] = entries
            try scope.bind(name).bind(entries.last?.last ?? 0).bind(base).run()
            try epoch.bind(name).bind(1).bind("first" as Name).run()
            if entries.last.map({ $0.last >= base + 2 }) == true {
                try epoch.bind(name).bind(base + 2).bind("second" as Name).run()
            }
            for entry in entries {
                let ends = entry.ends.flatMap { end in
                    (0..<4).map { UInt8(truncatingIfNeeded: end >> ($0 * 8)) }
                }
                try change.bind(name).bind(entry.last).bind(entry.first)
                    .bind(Int(entry.timeMilliseconds)).bind(entry.ends.count > 1 ? ends : [])
                    .bind(entry.bytes).run()
            }
            for id in ["x", "y"] {
                try record.bind(name).bind("todo" as Name).bind(Array(id.utf8))
                    .bind(Array("{\"id\":\"\(id)\"}".utf8)).run()
            }
        }
        try writeOutcomes(connection)
        if version == 2 { try connection.run(Self.version2) }
        try connection.run("COMMIT")
        return logs
    }

    private static func outcome(_ number: Int) -> StoredOutcome {
        StoredOutcome(
            verdict: number % 4 == 0
                ? .refused(Rejection(code: "no", message: "é \(number)"))
                : .applied(Position(cursor: number, epoch: "first")),
            fingerprint: Fingerprint(high: UInt64(number), low: .max),
            user: number % 2 == 0 ? "ann" : nil, client: number % 3 == 0 ? nil : "device",
            clientSequence: number, reviewMilliseconds: Int64(1000 - number))
    }

    private func writeOutcomes(_ connection: Connection) throws {
        let statement = try Statement(
            connection, "INSERT INTO outcomes VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for number in 0..<40 {
            let outcome = Self.outcome(number)
            // Also of a scope that was never written to.
            let scope: Name = number % 5 == 0 ? "never" : "b"
            statement.bind(scope).bind(try #require(Name("m\(number)"))).bind(number).bind(-1)
                .bind(outcome.user).bind(outcome.client).bind(number).bind(1000 - number)
            switch outcome.verdict {
            case .applied(let position):
                statement.bind(position.cursor).bind(position.epoch).bind(ByteSlice.empty)
                    .bind(ByteSlice.empty)
            case .refused(let rejection):
                statement.bind(0).bind(ByteSlice.empty).bind(Array(rejection.code.utf8))
                    .bind(Array(rejection.message.utf8))
            }
            try statement.run()
        }
        try connection.run(
            """
            INSERT INTO clients VALUES
                (CAST('device' AS BLOB), CAST('b' AS BLOB), CAST('ann' AS BLOB), 70, 3),
                (CAST('device' AS BLOB), CAST('c' AS BLOB), CAST('ann' AS BLOB), 80, 4),
                (CAST('anon' AS BLOB), CAST('never' AS BLOB), x'', 90, 5)
            """)
    }

    @Test("is taken over with all that is in it", arguments: [1, 2])
    func all(_ version: Int) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.db"
        let logs = try make(path, version: version)
        // The second time it is of this version.
        for epoch: Name in ["new", "newer"] {
            let store = try Store.open("sqlite:" + path, epoch: epoch, logger: Backing.quiet)
            #expect(store.salt == 0x0102_0304_0506_0708)
            try judgeScopes(store, logs, version)
            try judgeRows(store, version)
            let reader = try store.makeReader()
            let head = try store.scopeState("b").head
            #expect(try reader.head(of: "b").position == head)
        }
        let connection = try Connection(path, as: .reader)
        #expect(try connection.number("PRAGMA user_version") == 3)
        #expect(try connection.text("PRAGMA integrity_check") == "ok")
        // Blocks, not mutations.
        #expect(try connection.number("SELECT count(*) FROM log") < 20)
        #expect(
            try connection.number("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%2'") == 0)
    }

    private func judgeScopes(
        _ store: any SyncStore, _ logs: [Name: [LogEntry]], _ version: Int
    ) throws {
        #expect(try store.scopes(after: nil, countMax: 10) == Self.scopes.map(\.name))
        for (name, base, _) in Self.scopes {
            let log = try #require(logs[name])
            let last = try #require(log.last?.last)
            let state = try store.scopeState(name)
            let second = last >= base + 2
            #expect(state.head == Position(cursor: last, epoch: second ? "second" : "first"))
            #expect(state.base == base && state.recordCount == 2)
            if version == 2 {
                #expect(state.checksum.bits == 77 && state.byteCount == 1234)
                #expect(state.logByteCount == 5678 && state.owner == Account(user: "ann"))
            } else {
                #expect(state.logByteCount == log.reduce(0) { $0 + $1.bytes.count })
                #expect(state.checksum != .empty && state.owner == nil)
            }
            #expect(try store.epoch(at: base + 1, in: name) == "first")
            #expect(
                try store.oldestEntries(of: name, countMax: 1000).map(\.last) == log.map(\.last))
            var (texts, borders, times): ([String], [Int], [Int64]) = ([], [], [])
            try store.visitLog(of: name, after: base) { entry in
                texts.append(entry.bytes.string)
                borders += entry.borders
                times += entry.timesMilliseconds
                return .next
            }
            #expect(texts.joined(separator: ",") == log.map(\.bytes.string).joined(separator: ","))
            #expect(borders == log.map(\.last))
            #expect(times == log.map(\.timeMilliseconds))
            var records: [String] = []
            try store.visitRecords(in: name, after: nil) { key, record in
                records.append("\(key.entity) \(key.id) \(record.json.string) \(record.version)")
                return .next
            }
            let versionOfRecords = version == 2 ? 5 : 0
            #expect(
                records == ["x", "y"].map { "todo \($0) {\"id\":\"\($0)\"} \(versionOfRecords)" })
        }
    }

    private func judgeRows(_ store: any SyncStore, _ version: Int) throws {
        for number in 0..<40 {
            let mutation = try #require(Name("m\(number)"))
            let (own, other): (Name, Name) = number % 5 == 0 ? ("never", "b") : ("b", "never")
            #expect(try store.outcome(of: mutation, in: own) == Self.outcome(number))
            #expect(try store.outcome(of: mutation, in: other) == nil)
        }
        let due = try store.dueOutcomes(atMilliseconds: 970, countMax: 100)
        #expect(due.map(\.outcome.clientSequence) == Array((30..<40).reversed()))
        #expect(
            try store.client("device", in: "b")
                == ClientState(user: "ann", lastPushMilliseconds: 70, outcomeCount: 3))
        #expect(try store.client("device", in: "c")?.outcomeCount == 4)
        #expect(try store.owner(of: "anon") == .some(nil))
        #expect(try store.clientCount(of: nil, in: "never") == 1)
        let totals = try #require(try store.totals())
        #expect(totals.outcomeCount == 40)
        #expect(totals.agingMilliseconds == (version == 2 ? 1_800_000_000_777 : 1_800_000_000_004))
        let account = try store.accountState(Account(user: "ann"))
        #expect(
            account
                == (version == 2 ? AccountState(scopeCount: 2, byteCount: 2468) : AccountState.none)
        )
    }

    @Test(
        "that cannot be read whole stays as it was",
        arguments: [
            "UPDATE changes SET ends = x'010203'",
            "INSERT INTO records VALUES(x'6F', x'6F', x'6F', x'7B7D', 1)",
            "UPDATE outcomes SET scope = x'01' WHERE mutation = CAST('m7' AS BLOB)",
        ])
    func refused(_ damage: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.db"
        _ = try make(path, version: 2)
        do {
            let connection = try Connection(path, as: .writer)
            try connection.run(damage)
            #expect(connection.checkpoint(waitMilliseconds: 1000))
        }
        let before = try #require(Backing.read(path))
        #expect(throws: StoreError.self) {
            _ = try Store.open("sqlite:" + path, epoch: "new", logger: Backing.quiet)
        }
        let connection = try Connection(path, as: .reader)
        #expect(try connection.number("PRAGMA user_version") == 2)
        #expect(try connection.number("SELECT count(*) FROM outcomes") == 40)
        #expect(try #require(Backing.read(path)) == before)
    }
}
