// The rules of `POST /_sync/pull` and `/_sync/snapshot` (protocol.md), on both stores. The harness
// asks tail and store and wants one answer.

import MizuBytes
import MizuSync
import Testing

@Suite("Pull (protocol.md, POST /_sync/pull)")
struct PullTests {
    @Test("nothing new is told with the old position", arguments: StoreKind.allCases)
    func nothingNew(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(
            try harness.pull("{\"scope\":\"s\"}").text
                == #"{"changes":[],"has_more":false,"next_cursor":0,"epoch":"e1","#
                + #""checksum":"0000000000000000"}"#)
        _ = try harness.mutate("m1", "note.put", #"{"id":"n"}"#)
        for _ in 0..<2 {
            #expect(
                try harness.pull(1, "e1").text
                    == #"{"changes":[],"has_more":false,"next_cursor":1,"epoch":"e1","#
                    + #""checksum":"52f7c935784e4209"}"#)
            // The epoch of a change stays what it was.
            try harness.restart()
        }
    }

    @Test("pages go through the log without a gap, in every size", arguments: StoreKind.allCases)
    func pages(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        for index in 1...7 {
            if index == 4 { try harness.restart() }
            _ = try harness.mutate("m\(index)", "note.put", "{\"id\":\"n\(index)\"}")
        }
        for limit in 1...8 {
            var (cursor, epoch): (Int, Name) = (0, "e1")
            var seen: [Int] = []
            while true {
                let page = try harness.pull(cursor, epoch, limit: limit)
                #expect(page.cursors.count <= limit)
                seen += page.cursors
                cursor = try #require(page.int("next_cursor"))
                epoch = try #require(page.string("epoch").flatMap { Name($0) })
                #expect(epoch == (cursor < 4 ? "e1" : "e2"))
                if page.bool("has_more") == false { break }
            }
            #expect(seen == Array(1...7))
        }
    }

    @Test(
        "changes of one mutation are never parted, beyond the limit if need be",
        arguments: StoreKind.allCases)
    func neverParted(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "odd.thrice")
        _ = try harness.mutate("m2", "odd.thrice")
        #expect(try harness.pull(0, "x", limit: 1).cursors == [1, 2, 3])
        #expect(try harness.pull(0, "x", limit: 4).cursors == [1, 2, 3, 4, 5, 6])
        #expect(try harness.pull(3, "e1", limit: 2).cursors == [4, 5, 6])
        // Nobody stands inside a mutation, but it is answered like any other place.
        #expect(try harness.pull(1, "e1", limit: 2).cursors == [2, 3])
        #expect(try harness.pull(5, "e1", limit: 9).cursors == [6])
    }

    @Test(
        "an answer ends early at its bytes, after one mutation at least",
        arguments: StoreKind.allCases)
    func earlyEnd(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.pageBytesMax = 512 + 330
        let harness = try Harness(kind, limits: limits)
        for index in 1...4 {
            _ = try harness.mutate("m\(index)", "note.put", "{\"id\":\"n\(index)\"}")
        }
        let page = try harness.pull(0, "x")
        #expect(page.cursors == [1, 2])
        #expect(page.bool("has_more") == true)
        limits.pageBytesMax = 1
        let tiny = try Harness(kind, limits: limits)
        _ = try tiny.mutate("m1", "odd.thrice")
        _ = try tiny.mutate("m2", "odd.thrice")
        #expect(try tiny.pull(0, "x").cursors == [1, 2, 3])
    }

    @Test(
        "a cursor of another epoch, or ahead of the log, is epoch_changed",
        arguments: StoreKind.allCases)
    func epochChanged(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.put", #"{"id":"n"}"#)
        #expect(throws: Refusal.epochChanged) { try harness.pull(1, "other") }
        #expect(throws: Refusal.epochChanged) { try harness.pull(2, "e1") }
        try harness.restart()
        _ = try harness.mutate("m2", "note.put", #"{"id":"n"}"#)
        #expect(try harness.pull(1, "e1").cursors == [2])
        #expect(throws: Refusal.epochChanged) { try harness.pull(1, "e2") }
        #expect(throws: Refusal.epochChanged) { try harness.pull(2, "e1") }
        #expect(throws: Refusal.epochChanged) { try harness.pull(9_007_199_254_740_991, "e2") }
    }

    @Test(
        "a backup put back turns away exactly those who saw what is lost",
        arguments: StoreKind.allCases)
    func restoredBackup(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.put", #"{"id":"n"}"#)
        try harness.makeBackup()
        _ = try harness.mutate("m2", "note.put", #"{"id":"n"}"#)
        try harness.restoreBackup()
        #expect(throws: Refusal.epochChanged) { try harness.pull(2, "e2") }
        #expect(try harness.pull(1, "e1").cursors == [])
        _ = try harness.mutate("m3", "note.put", #"{"id":"n"}"#)
        #expect(throws: Refusal.epochChanged) { try harness.pull(2, "e2") }
        #expect(try harness.pull(1, "e1").cursors == [2])
        // What was lost can be applied again.
        #expect(try harness.mutate("m2", "note.put", #"{"id":"n"}"#).int("cursor") == 3)
    }

    @Test("scopes have logs of their own", arguments: StoreKind.allCases)
    func scopes(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        for scope in ["a", "b", "a"] {
            _ = try harness.mutate(
                "m\(harness.clock.milliseconds)", "note.add", #"{"id":"n"}"#, scope: scope)
            harness.clock.milliseconds += 1
        }
        #expect(try harness.pull(0, "x", scope: "a").cursors == [1, 2])
        #expect(try harness.pull(0, "x", scope: "b").cursors == [1])
        #expect(try harness.pull(0, "x", scope: "c").cursors == [])
    }
}

@Suite("Snapshot (protocol.md, POST /_sync/snapshot)")
struct SnapshotTests {
    @Test("an empty scope and a small one come in one page", arguments: StoreKind.allCases)
    func onePage(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(
            try harness.snapshot(#"{"scope":"s"}"#).text
                == #"{"records":[],"cursor":0,"epoch":"e1","count":0,"#
                + #""checksum":"0000000000000000","has_more":false}"#)
        _ = try harness.mutate("m1", "note.put", #"{"id":"b\"\\"}"#)
        _ = try harness.mutate("m2", "note.put", #"{"id":"a"}"#)
        #expect(
            try harness.snapshot(#"{"scope":"s"}"#).text == #"""
                {"records":[{"entity":"note","id":"a","version":2,"data":{"id":"a"}},\#
                {"entity":"note","id":"b\"\\","version":1,"data":{"id":"b\"\\"}}],\#
                "cursor":2,"epoch":"e1","count":2,\#
                "checksum":"d26c14b19ff40f9e","has_more":false}
                """#)
    }

    @Test(
        "pages in every size hold each record once, and each is exact at its own cursor",
        arguments: StoreKind.allCases)
    func pages(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m0", "odd.many", #"{"id":"x","count":5}"#)
        for index in 0..<5 {
            _ = try harness.mutate("m\(index + 1)", "note.put", "{\"id\":\"n\(index)\"}")
        }
        for limit in 1...11 {
            var ids: [String] = []
            var next = ""
            repeat {
                let page = try harness.snapshot("{\"scope\":\"s\",\"limit\":\(limit)\(next)}")
                let records = try #require(page.member("records")).elements.compactMap {
                    $0.string("id")
                }
                #expect(records.count <= limit)
                #expect(page.int("count") == 10)
                ids += records
                next = page.string("next").map { ",\"next\":\"\($0)\"" } ?? ""
                #expect(page.bool("has_more") == !next.isEmpty)
            } while !next.isEmpty
            #expect(ids == ["m0", "m1", "m2", "m3", "m4", "n0", "n1", "n2", "n3", "n4"])
        }
        let first = try harness.snapshot(#"{"scope":"s","limit":8}"#)
        _ = try harness.mutate("m9", "note.delete", #"{"id":"n4"}"#)
        let next = try #require(first.string("next"))
        let second = try harness.snapshot("{\"scope\":\"s\",\"next\":\"\(next)\"}")
        #expect(second.member("records")?.elements.compactMap { $0.string("id") } == ["n3"])
        #expect(second.int("cursor") == 11)
        #expect(second.int("count") == 9)
    }

    @Test(
        "a page ends early at its bytes, after one record at least", arguments: StoreKind.allCases)
    func earlyEnd(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.pageBytesMax = 1
        let harness = try Harness(kind, limits: limits)
        for id in ["a", "b"] { _ = try harness.mutate(id, "note.put", "{\"id\":\"\(id)\"}") }
        let page = try harness.snapshot(#"{"scope":"s"}"#)
        #expect(page.member("records")?.elements.map { $0.string("id") } == ["a"])
        #expect(page.bool("has_more") == true)
    }

    @Test(
        "a snapshot whose first page is out of the log's reach starts over by 410",
        arguments: StoreKind.allCases)
    func outOfReach(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.logChangesMax = 2
        let harness = try Harness(kind, limits: limits)
        for id in ["a", "b"] { _ = try harness.mutate(id, "note.put", "{\"id\":\"\(id)\"}") }
        let next = try #require(try harness.snapshot(#"{"scope":"s","limit":1}"#).string("next"))
        let body = "{\"scope\":\"s\",\"next\":\"\(next)\"}"
        try harness.restart()
        // A restart disturbs nobody.
        #expect(try harness.snapshot(body).bool("has_more") == false)
        for id in ["c", "d", "e"] { _ = try harness.mutate(id, "note.put", "{\"id\":\"\(id)\"}") }
        try harness.trimAll()
        #expect(throws: Refusal.cursorTooOld) { try harness.snapshot(body) }
    }

    @Test(
        "names stand in pages as they are, whatever they hold, and a page goes on behind each",
        arguments: StoreKind.allCases)
    func oddNames(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let names = [
            "a", "1234567", "12345678", "123456789", "quote\"", "back\\slash", "\\\"", "é",
            "日本語の名前",
            "tilde~~~~~", "space at end ", String(repeating: "x", count: 128), "1234567\"",
            "1234567é",
        ]
        for (index, name) in names.enumerated() {
            let id = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            _ = try harness.mutate("m\(index)", "note.put", "{\"id\":\"\(id)\"}")
        }
        var (ids, next): ([String], String) = ([], "")
        repeat {
            let page = try harness.snapshot("{\"scope\":\"s\",\"limit\":1\(next)}")
            ids += try #require(page.member("records")).elements.compactMap { $0.string("id") }
            next = page.string("next").map { ",\"next\":\"\($0)\"" } ?? ""
        } while !next.isEmpty
        #expect(ids == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    }

    @Test("an entity's records come in the order of ids", arguments: StoreKind.allCases)
    func records(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        for id in ["b", "a"] { _ = try harness.mutate(id, "note.put", "{\"id\":\"\(id)\"}") }
        let reader = try #require(harness.reader)
        try reader.beginReading(of: "s")
        defer { reader.endReading() }
        for (entity, expected) in [("note", ["a", "b"]), ("other", [])] as [(Name, [Name])] {
            var found: [Name] = []
            try reader.visitRecords(of: entity, in: "s") { id, _ in
                found.append(id)
                return .next
            }
            #expect(found == expected)
        }
        let key = RecordKey(entity: "note", id: "a")
        #expect(try reader.record(key, in: "s")?.string == #"{"id":"a"}"#)
        #expect(try reader.record(RecordKey(entity: "note", id: "z"), in: "s") == nil)
    }
}
