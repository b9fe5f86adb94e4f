// Moves: between shelves in memory, and between files, while a server writes to the source.

import Glibc
import MizuBytes
import MizuSync
import MizuSyncSQLite
import Testing

@testable import MizuSync
@testable import MizuSyncTools

@Suite("A move takes everything, and at most one of its ends can be opened")
struct StoreMoveTests {
    private func move(
        _ source: any MoveSource, _ target: any MoveTarget,
        progress: @escaping ToolProgress = { _ in }, notice: @escaping (String) -> Void = { _ in }
    ) throws -> MoveReport {
        try StoreMove(
            from: source, to: target, options: MoveOptions(), progress: progress, notice: notice
        ).run()
    }

    /// Some of everything, over two epochs.
    private func fill(_ shelf: MemoryShelf) throws {
        let first = MoveFixture(MemoryStore(on: shelf, epoch: "e1"))
        for index in 1...20 {
            try first.push("a\(index)", note: "n\(index % 7)", text: "\(index)", user: "ada")
        }
        try first.push("x1", "drop", note: "n3", user: "ada")
        try first.push("x2", "never")
        try first.push("x3", "never", to: "unwritten", isNamed: false)
        let second = MoveFixture(MemoryStore(on: shelf, epoch: "e2"))
        for index in 1...5 { try second.push("b\(index)", note: "m\(index)", to: "t") }
        try second.push("b6", note: "n1", user: "ada")
    }

    @Test("all rows are there, as they were")
    func everythingMoves() throws {
        let shelf = MemoryShelf()
        try fill(shelf)
        let (source, target) = (MemoryMoveSource(shelf), MemoryMoveTarget())
        let report = try move(source, target)
        #expect(
            try everything(of: MemoryMoveSource(target.shelf)) == everything(of: source))
        #expect(source.mark == "memory:target" && !target.isMarked && target.salt == 7)
        #expect(report.scopeCount == 2 && report.outcomeCount == 29 && report.changeCount == 27)
    }

    @Test("what is written meanwhile comes along, whenever it is")
    func writtenMeanwhile() throws {
        let shelf = MemoryShelf()
        try fill(shelf)
        let (source, target) = (MemoryMoveSource(shelf), MemoryMoveTarget())
        let server = MoveFixture(MemoryStore(on: shelf, epoch: "e3"))
        var count = 0
        func write() throws {
            count += 1
            try server.push("w\(count)", note: "n\(count % 5)", text: "w\(count)")
            try server.push("v\(count)", note: "v", to: "scope\(count % 3)")
            try server.push("u\(count)", "drop", note: "v", to: "scope\(count % 3)")
            try server.push("y\(count)", "never", to: "s", isNamed: false)
        }
        source.beforeHold = {
            _ = try? write()
            return count > 12
        }
        _ = try move(source, target, progress: { _ in if !source.isHeld { _ = try? write() } })
        #expect(count > 12)
        #expect(
            try everything(of: MemoryMoveSource(target.shelf)) == everything(of: source))
    }

    @Test("a log that was trimmed meanwhile is moved from its new beginning")
    func trimmedMeanwhile() throws {
        let shelf = MemoryShelf()
        var limits = SyncLimits()
        limits.logChangesMax = 3
        let server = MoveFixture(MemoryStore(on: shelf, epoch: "e1"), limits: limits)
        for index in 1...6 { try server.push("a\(index)", note: "n\(index)") }
        let (source, target) = (MemoryMoveSource(shelf), MemoryMoveTarget())
        source.beforeHold = {
            _ = try? server.push("d", "drop", note: "n2")
            for index in 1...30 { _ = try? server.push("b\(index)", note: "m\(index % 4)") }
            _ = try? server.trimAll()
            return true
        }
        _ = try move(source, target)
        let base = try #require(shelf.scope("s")?.base)
        #expect(base > 6)
        #expect(
            try everything(of: MemoryMoveSource(target.shelf)) == everything(of: source))
    }

    @Test("a client goes on where it was, and a repeated push is known")
    func clientsNoticeNothing() throws {
        let shelf = MemoryShelf()
        let server = MoveFixture(MemoryStore(on: shelf, epoch: "e1"))
        let told = try server.push("m1", note: "a")
        try server.push("m2", note: "b")
        let (source, target) = (MemoryMoveSource(shelf), MemoryMoveTarget())
        _ = try move(source, target)
        let store = MemoryStore(on: target.shelf, epoch: "e2")
        let reader = try store.makeReader()
        let next = MoveFixture(store)
        #expect(try next.push("m1", note: "a").contains("duplicate"), "\(told)")
        #expect(try next.push("m3", note: "c").contains("\"cursor\":3"))
        try reader.beginReading(of: "s")
        #expect(try reader.epoch(at: 2, in: "s") == "e1")
        #expect(try reader.epoch(at: 3, in: "s") == "e2")
        reader.endReading()
    }

    @Test("an older state that is put back meanwhile is refused")
    func olderState() throws {
        let shelf = MemoryShelf()
        let server = MoveFixture(MemoryStore(on: shelf, epoch: "e1"))
        try server.push("m1", note: "a")
        let (source, target) = (MemoryMoveSource(shelf), MemoryMoveTarget())
        source.beforeHold = {
            shelf.apply([.scopeState("s", ScopeState(unwrittenIn: "e9"))])
            return true
        }
        let failure = #expect(throws: ToolFailure.self) { try move(source, target) }
        #expect(failure?.message.contains("older state") == true)
        #expect(source.mark == nil && target.isMarked)
    }

    // MARK: Files

    @Test("a file goes to another file while a server has it")
    func filesWhileServed() throws {
        let folder = try MoveFolder()
        var server: MoveFixture? = MoveFixture(try folder.open("a.db", epoch: "e1"))
        for index in 1...50 {
            try server?.push("a\(index)", note: "n\(index % 9)", to: "s\(index % 5)", user: "ada")
        }
        try server?.store.fold(.whole)
        let source = try SQLiteMoveSource(folder.path + "/a.db")
        let target = SQLiteMoveTarget(folder.path + "/b.db")
        var (count, advice) = (0, "")
        let report = try move(
            source, target,
            progress: { _ in
                count += 1
                _ = try? server?.push("w\(count)", note: "w", to: "s\(count % 7)")
            },
            notice: {
                advice = $0
                _ = try? server?.push("last", note: "last", text: "journaled")
                server = nil
            })
        #expect(advice.contains("stop the server") && count > 10)
        #expect(report.roundCount >= 3)
        let written = try everything(of: try SQLiteMoveSource(folder.path + "/b.db"))
        #expect(try everything(of: try SQLiteMoveSource(folder.path + "/a.db")) == written)
        #expect(written.contains { $0.contains("journaled") })
        let check = Verification.run(try WholeDatabase.open(folder.path + "/b.db").database)
        #expect(check.fault == nil)
        // One of them goes on.
        let refused = #expect(throws: StoreError.self) { try folder.open("a.db", epoch: "e5") }
        #expect(refused?.message.contains("was moved to sqlite:\(folder.path)/b.db") == true)
        let next = MoveFixture(try folder.open("b.db", epoch: "e5"))
        #expect(try next.push("last", note: "last", text: "journaled").contains("duplicate"))
    }

    @Test("what root has moved is the folder's user's", .enabled(if: geteuid() == 0))
    func ownedByTheFolder() throws {
        let folder = try MoveFolder()
        try MoveFixture(try folder.open("a.db", epoch: "e1")).push("a")
        let (inner, user) = (folder.path + "/inner", uid_t(65_534))
        #expect(mkdir(inner, 0o700) == 0 && chown(inner, user, gid_t(user)) == 0)
        _ = try move(
            try SQLiteMoveSource(folder.path + "/a.db"), SQLiteMoveTarget(inner + "/b.db"))
        var owners: [String: uid_t] = [:]
        for suffix in DatabaseCopy.suffixes {
            var status = stat()
            if stat(inner + "/b.db" + suffix, &status) == 0 { owners[suffix] = status.st_uid }
        }
        #expect(owners[""] == user && owners.values.allSatisfy { $0 == user }, "\(owners)")
    }

    @Test("a move that was broken leaves the source, and begins anew")
    func brokenMove() throws {
        struct Broken: Error {}
        let folder = try MoveFolder()
        try {
            let server = MoveFixture(try folder.open("a.db", epoch: "e1"))
            for index in 1...50 { try server.push("a\(index)", note: "n\(index)") }
        }()
        let target = SQLiteMoveTarget(folder.path + "/b.db")
        try target.prepare(salt: 1, from: "sqlite:elsewhere")
        try target.store.begin()
        try target.store.setScopeState(ScopeState(unwrittenIn: "e1"), of: "half")
        try target.store.commit()
        let busy = #expect(throws: ToolFailure.self) {
            try move(
                try SQLiteMoveSource(folder.path + "/a.db"),
                SQLiteMoveTarget(folder.path + "/b.db"))
        }
        #expect(busy?.message.contains("is held by another process") == true)
        target.abandon()
        let refused = #expect(throws: StoreError.self) { try folder.open("b.db", epoch: "e5") }
        #expect(refused?.message.contains("is not complete") == true)
        _ = try move(
            try SQLiteMoveSource(folder.path + "/a.db"), SQLiteMoveTarget(folder.path + "/b.db"))
        #expect(
            try everything(of: try SQLiteMoveSource(folder.path + "/a.db"))
                == everything(of: try SQLiteMoveSource(folder.path + "/b.db")))
        // It is there now, and whole: nothing overwrites it.
        let again = #expect(throws: ToolFailure.self) {
            try move(
                try SQLiteMoveSource(folder.path + "/a.db"),
                SQLiteMoveTarget(folder.path + "/b.db"))
        }
        #expect(again?.message.contains("overwrites nothing") == true)
        let other = #expect(throws: ToolFailure.self) {
            try move(
                try SQLiteMoveSource(folder.path + "/a.db"),
                SQLiteMoveTarget(folder.path + "/c.db"))
        }
        #expect(other?.message.contains("was moved to") == true)
    }
}
