// Messages between nodes: each comes back as it went, and whatever comes instead is refused without
// a trap.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncService

@Suite("News as bytes")
struct NewsCodingTests {
    private let node = NodeID(bits: 0x0123_4567_89AB_CDEF)

    private func changes(_ objects: [String], base: Int = 4, borders: [Int]? = nil)
        -> CommittedChanges
    {
        var text = ""
        var ends: [Int] = []
        for object in objects {
            if !text.isEmpty { text += "," }
            text += object
            ends.append(text.utf8.count)
        }
        let head = base + objects.count
        return CommittedChanges(
            scope: "list:é", base: Position(cursor: base, epoch: "e1"),
            head: Position(cursor: head, epoch: "e2"), bytes: ByteSlice(text), ends: ends,
            borders: borders ?? [head], checksum: ScopeChecksum(bits: 77), isByReaders: false,
            changedRights: [
                RightsChange(user: "ann", before: nil, after: .manage),
                RightsChange(user: "bob", before: .write, after: nil),
            ])
    }

    private var messages: [NewsMessage] {
        [
            .commit(changes([#"{"a":1}"#, #"{"b":"x,{}"}"#, "{}"], borders: [5, 7])),
            .position("list:1", ScopeHead(Position(cursor: 9, epoch: "e"), checksum: nil)),
            .internalHeads([
                InternalHead(
                    scope: .internal("grants"),
                    head: ScopeHead(
                        Position(cursor: Position.cursorMax, epoch: "e"),
                        checksum: ScopeChecksum(bits: .max)))
            ]),
            .publication(topic: "chat", payload: #"{"text":"hello"}"#, isByReader: true),
            .presence(topic: "chat", .ask(of: nil)),
            .presence(topic: "chat", .ask(of: NodeID(bits: 77))),
            .presence(topic: "chat", .version(9)),
            .presence(
                topic: "chat", .list(version: 3, part: 1, of: 2, members: #"[{"id":"a"}]"#)),
            .presence(
                topic: "chat", .changes(base: 3, version: 4, joined: "[]", left: ["a", "b"])),
            .credentialEnded("session:1"), .sessionClosed(id: "x", reason: "gone"),
            .permissionsChanged,
            .heartbeat(
                NodeReport(
                    address: "127.0.0.1:8080", version: "0.1.0", startedMilliseconds: 1,
                    links: 3, isDraining: true, figures: ["sockets": 95_000, "scopes": 0],
                    term: PrimaryTerm(system: .min + 7, timeline: 300))),
            .goodbye,
        ]
    }

    /// Values of different types have no common ==: what they say does.
    private func text(_ message: NewsMessage) -> String {
        switch message {
        case .commit(let changes):
            "commit \(changes.scope.string) \(changes.base) \(changes.head) \(changes.bytes.string) "
                + "\(changes.ends) \(changes.borders) \(String(describing: changes.checksum)) "
                + "\(changes.isByReaders) \(changes.changedRights)"
        case .publication(let topic, let payload, let flag):
            "publication \(topic.string) \(payload.string) \(flag)"
        case .presence(let topic, .list(let version, let part, let count, let members)):
            "list \(topic.string) \(version) \(part) \(count) \(members.string)"
        case .presence(let topic, .changes(let base, let version, let joined, let left)):
            "changes \(topic.string) \(base) \(version) \(joined.string) \(left.map(\.string))"
        case .presence(let topic, .version(let version)): "version \(topic.string) \(version)"
        case .presence(let topic, .ask(let node)):
            "ask \(topic.string) \(node?.description ?? "all")"
        case .heartbeat(let report):
            "\(report.address) \(report.version) \(report.startedMilliseconds) "
                + "\(report.links) \(report.isDraining) \(report.figures.sorted { $0.key < $1.key })"
                + "\(String(describing: report.term))"
        default: "\(message)"
        }
    }

    @Test("each message comes back as it went")
    func roundTrip() throws {
        for message in messages {
            let bytes = NewsCoding.encode(message, from: node)
            let decoded = try #require(NewsCoding.decode(bytes), "\(text(message))")
            #expect(decoded.node == node)
            #expect(text(decoded.message) == text(message))
        }
    }

    @Test("the next version may append, and say what this one does not know")
    func versions() throws {
        for message in messages {
            let bytes = NewsCoding.encode(message, from: node).array
            let longer = try #require(NewsCoding.decode(ByteSlice(bytes + [1, 2, 3])))
            #expect(text(longer.message) == text(message))
            var unknown = bytes
            unknown[2] = 200
            #expect(NewsCoding.decode(ByteSlice(unknown)) == nil)
            unknown = bytes
            unknown[1] = 2
            #expect(NewsCoding.decode(ByteSlice(unknown)) == nil)
        }
    }

    @Test("a large commit goes as its position")
    func large() throws {
        let object = "{\"a\":\"" + String(repeating: "x", count: 600_000) + "\"}"
        let bytes = NewsCoding.encode(.commit(changes([object, object])), from: node)
        guard case .position(let scope, let head)? = NewsCoding.decode(bytes)?.message else {
            Issue.record("it did not")
            return
        }
        #expect(scope == "list:é" && head.cursor == 6 && head.epoch == "e2")
    }

    @Test("no beginning of a message is one, and damage never traps")
    func damage() {
        for (index, message) in messages.enumerated() {
            let bytes = NewsCoding.encode(message, from: node).array
            for count in 0..<bytes.count {
                // A heartbeat of before terms were told ends there.
                if case .heartbeat = message, count >= bytes.count - 10 { break }
                #expect(NewsCoding.decode(ByteSlice(Array(bytes[..<count]))) == nil, "\(index)")
            }
            for seed in 0..<800 {
                var numbers = SeededGenerator(seed: UInt64(seed))
                var damaged = bytes
                for _ in 0...numbers.next(below: 3) {
                    damaged[numbers.next(below: damaged.count)] = UInt8(numbers.next(below: 256))
                }
                // What is still taken must hold what its type promises.
                if case .commit(let changes)? = NewsCoding.decode(ByteSlice(damaged))?.message {
                    #expect(changes.ends.last == changes.bytes.count)
                    #expect(changes.ends.count == changes.head.cursor - changes.base.cursor)
                }
            }
        }
    }

    @Test("channels and subjects")
    func channels() {
        let names = ChannelNames(prefix: "app")
        for subject: NewsSubject in [
            .nodes, .scope("a:b"), .topic("chat"), .topic(":"), .presence("chat"),
        ] {
            #expect(names.subject(of: names.channel(of: subject)) == subject)
        }
        for name: ByteSlice in [
            "", "app", "app:", "app:x", "app:s", "app:s:", "other:n", "app:x:y",
        ] {
            #expect(names.subject(of: name) == nil)
        }
    }

    @Test("what a newer version says is told from what no version says")
    func newer() {
        let known = NewsCoding.encode(.goodbye, from: node).array
        func changed(_ place: Int, to byte: UInt8) -> ByteSlice {
            var bytes = known
            bytes[place] = byte
            return ByteSlice(bytes)
        }
        for message in [changed(1, to: 2), changed(2, to: 11), changed(2, to: 255)] {
            #expect(NewsCoding.decode(message) == nil)
            #expect(NewsCoding.isOfNewerVersion(message))
        }
        for message in [
            ByteSlice(known), changed(0, to: 0x6E), changed(1, to: 0), changed(2, to: 0), "", "m",
            changed(2, to: 255)[0..<10],
        ] {
            #expect(!NewsCoding.isOfNewerVersion(message))
        }
    }
}
