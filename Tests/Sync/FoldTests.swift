// Folds at any moment, and the process's end at any moment: what was acknowledged is there,
// whichever of journal, pending rows and SQLite has it. A crash is a copy of the files as they are,
// opened again: what kill -9 leaves.

import MizuBytes
import MizuEventLoop
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Folds and crashes (engine.md, Folding)")
struct FoldTests {
    private static let scopes: [Name] = ["s", "t", "u"]

    /// Records, log and head of a scope.
    private struct Seen: Equatable {
        var head: Position
        var recordCount: Int
        var checksum: ScopeChecksum
        var records: [String] = []
        var changes: [String] = []

        init(_ scope: Name, from source: any LogSource) throws {
            let state = try source.scopeState(scope)
            // Before the first change the epoch is the opening's.
            let epoch = state.head.cursor == 0 ? "-" : state.head.epoch
            head = Position(cursor: state.head.cursor, epoch: epoch)
            recordCount = state.recordCount
            checksum = state.checksum
            var records: [String] = []
            try source.visitRecords(in: scope, after: nil) { key, record in
                records.append("\(key) \(record.version) \(record.json.string)")
                return .next
            }
            var changes: [String] = []
            try source.visitLog(of: scope, after: 0) { entry in
                for (index, end) in entry.ends.enumerated() {
                    let start = index == 0 ? 0 : entry.ends[index - 1] + 1
                    changes.append(entry.bytes[start..<end].string)
                }
                return .next
            }
            self.records = records
            self.changes = changes
        }
    }

    private func push(_ harness: Harness, _ number: Int, _ random: inout SeededGenerator) throws {
        let id = "n\(Int.random(in: 0..<8, using: &random))"
        let names = ["note.put", "note.create", "note.add", "note.delete", "odd.thrice"]
        let name = names.randomElement(using: &random) ?? "note.put"
        let scope = Self.scopes.randomElement(using: &random)?.string ?? "s"
        let client = "c\(Int.random(in: 0..<3, using: &random))"
        _ = try harness.mutate(
            "m\(number)", name, #"{"id":"\#(id)","text":"\#(number)"}"#, client: client,
            scope: scope)
    }

    @Test("a crash at any moment loses nothing that was acknowledged", arguments: 0..<12)
    func crashes(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let harness = try Harness(.sqlite)
        let copies = try TemporaryDirectory()
        let (file, backup) = (harness.backing.file, copies.path + "/backup.db")
        _ = try Backing.copyLive(file, to: backup)
        for number in 0..<120 {
            try push(harness, number, &random)
            switch Int.random(in: 0..<14, using: &random) {
            case 0: try harness.store?.fold(.whole)
            case 1: try harness.store?.fold(.slice)
            case 2: try (harness.store as? SQLiteStore)?.pauseFold()
            case 3: try compare(harness, withCopyIn: copies.path + "/\(number).db")
            case 4: try harness.restart()
            case 5: try harness.trimAll()
            case 6: _ = try Backing.copyLive(file, to: backup)
            case 7:
                // Not while a fold has the database. The next push is of the state put back.
                guard try Backing.copyLive(backup, to: file) else { break }
                try push(harness, 1_000 + number, &random)
                try compare(harness, withCopyIn: copies.path + "/\(number).db")
            default: break
            }
        }
        try compare(harness, withCopyIn: copies.path + "/end.db")
    }

    @Test("another program that writes postpones folds and no commit, and they go on behind it")
    func busy() throws {
        let harness = try Harness(.sqlite)
        let store = try #require(harness.store)
        _ = try harness.mutate("m1", "note.put", #"{"id":"a"}"#)
        try store.fold(.whole)
        let other = try Connection(harness.backing.file, as: .writer)
        try other.run("BEGIN IMMEDIATE")
        let since = Instant.now
        for number in 2...4 {
            _ = try harness.mutate("m\(number)", "note.put", #"{"id":"a"}"#)
            do {
                #expect(try store.fold(.whole) == .postponed)
            } catch {
                // Only to a thread that was away so long is it an accident by then.
                #expect(Instant.now.milliseconds(since: since) >= 1_000, "\(error)")
            }
            #expect(store.foldNeed != .nothing)
        }
        let reader = try #require(harness.reader)
        try reader.beginReading()
        #expect(try reader.scopeState("s").head.cursor == 1)
        reader.endReading()
        try other.run("ROLLBACK")
        #expect(try store.fold(.whole) == .made)
        #expect(store.foldNeed == .nothing)
        #expect(try harness.pull(0, "x").cursors == [1, 2, 3, 4])
    }

    /// Compares what the writer, a reader and a start after a crash see.
    private func compare(_ harness: Harness, withCopyIn path: String) throws {
        let store = try #require(harness.store)
        for suffix in ["", "-wal", "-commits0", "-commits1"] {
            if let bytes = Backing.read(harness.backing.file + suffix) {
                try Backing.write(bytes, to: path + suffix)
            }
        }
        let again = try Store.open("sqlite:" + path, epoch: "again", logger: Backing.quiet)
        let reader = try #require(harness.reader)
        for scope in Self.scopes {
            let own = try Seen(scope, from: store)
            #expect(try Seen(scope, from: again) == own)
            try reader.beginReading(of: scope)
            defer { reader.endReading() }
            #expect(try Seen(scope, from: reader) == own)
        }
        #expect(try again.totals() == store.totals())
        #expect(try again.scopes(after: nil, countMax: 9) == store.scopes(after: nil, countMax: 9))
        for client in ["c0", "c1", "c2"] as [Name] {
            for scope in Self.scopes {
                #expect(try again.client(client, in: scope) == store.client(client, in: scope))
                #expect(
                    try again.clientCount(of: nil, in: scope)
                        == store.clientCount(of: nil, in: scope))
            }
        }
    }

    @Test("a clean end leaves one file, and the journal's files are there while it is open")
    func files() throws {
        let harness = try Harness(.sqlite)
        _ = try harness.mutate("m", "note.put", #"{"id":"a"}"#)
        let file = harness.backing.file
        #expect(Backing.read(file + "-commits0") != nil)
        harness.close()
        for suffix in ["-commits0", "-commits1", "-wal"] {
            #expect(Backing.read(file + suffix) == nil, "\(suffix)")
        }
        try harness.open()
        #expect(try harness.pull(0, "x").cursors == [1])
    }

    @Test("a copy of an open database begins with what was folded, whatever became of the journal")
    func copyWithoutJournal() throws {
        let harness = try Harness(.sqlite)
        _ = try harness.mutate("m", "note.put", #"{"id":"a"}"#)
        try harness.store?.fold(.whole)
        let copies = try TemporaryDirectory()
        let path = copies.path + "/copy.db"
        for suffix in ["", "-wal"] {
            if let bytes = Backing.read(harness.backing.file + suffix) {
                try Backing.write(bytes, to: path + suffix)
            }
        }
        let own = try #require(harness.store as? SQLiteStore).journal.identity
        let again = try SQLiteStore(path: path, epoch: "again", logger: Backing.quiet)
        #expect(again.epoch == "again")
        #expect(try again.scopes(after: nil, countMax: 9).count == 1)
        #expect(again.journal.identity != own)
    }

    @Test("a database whose journal is gone after a crash is refused in words")
    func missingJournal() throws {
        let harness = try Harness(.sqlite)
        _ = try harness.mutate("m", "note.put", #"{"id":"a"}"#)
        let copies = try TemporaryDirectory()
        let path = copies.path + "/copy.db"
        for suffix in ["", "-wal"] {
            if let bytes = Backing.read(harness.backing.file + suffix) {
                try Backing.write(bytes, to: path + suffix)
            }
        }
        // No copy: the file that was served.
        let inode = try #require(DatabaseFiles.inode(of: path))
        try Connection(path, as: .writer).run(
            "UPDATE settings SET value = '\(inode)' WHERE key = 'inode'")
        #expect(throws: StoreError.self) {
            try Store.open("sqlite:" + path, epoch: "again", logger: Backing.quiet)
        }
    }

    @Test("a WAL that is lost after a checkpoint has begun is found at the start")
    func lostWAL() throws {
        let harness = try Harness(.sqlite)
        let store = try #require(harness.store as? SQLiteStore)
        // Far more than a checkpoint waits for.
        let text = String(repeating: "x", count: 60_000)
        for number in 0..<120 {
            let args = #"{"id":"n\#(number)","text":"\#(text)"}"#
            _ = try harness.mutate("m\(number)", "note.put", args)
            if number % 20 == 19 { try store.fold(.whole) }
        }
        // The mark is in the journal once the checkpointer has answered.
        while store.checkpoints.isUnderWay { try store.fold(.whole) }
        let copies = try TemporaryDirectory()
        let path = copies.path + "/copy.db"
        for suffix in ["", "-commits0", "-commits1"] {
            let bytes = try #require(Backing.read(harness.backing.file + suffix))
            try Backing.write(bytes, to: path + suffix)
        }
        // What was copied into the file is there, and the rest is in the journal; or it is refused.
        do {
            let again = try Store.open("sqlite:" + path, epoch: "again", logger: Backing.quiet)
            #expect(try Seen("s", from: again) == Seen("s", from: store))
        } catch {
            #expect("\(error)".contains("mizu sync restore"), "\(error)")
        }
    }
}
