// What the server says on `/ws`, byte for byte as in protocol.md; and names of topics.

import MizuBytes
import MizuSync
import Testing

@testable import MizuTopics
@testable import MizuWire

@Suite("Messages from the server")
struct LiveWriterTests {
    private func text(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer(capacity: 1)
        write(&buffer)
        // Whatever was written must be one JSON text.
        let bytes = ByteSlice(copying: buffer.readable)
        #expect(throws: Never.self) { try JSON.parse(bytes) }
        return bytes.string
    }

    private func head(
        _ cursor: Int, _ epoch: Name = "e", checksum: ScopeChecksum? = nil
    ) -> ScopeHead {
        ScopeHead(Position(cursor: cursor, epoch: epoch), checksum: checksum)
    }

    private func ref(_ text: String) -> JSONValue { JSONValue(validated: ByteSlice(text)) }

    @Test("each message of the protocol's tables is written as it stands there")
    func examples() {
        #expect(
            text {
                LiveWriter.ack(
                    ref: ref(#""1""#), topic: "sync:s", at: head(12), to: &$0)
            } == #"{"type":"ack","ref":"1","topic":"sync:s","payload":{"cursor":12,"epoch":"e"}}"#)
        #expect(
            text { LiveWriter.ack(ref: ref(#""3""#), payload: #"{"results":[]}"#, to: &$0) }
                == #"{"type":"ack","ref":"3","payload":{"results":[]}}"#)
        #expect(text { LiveWriter.ack(ref: nil, to: &$0) } == #"{"type":"ack"}"#)
        #expect(
            text { LiveWriter.pong(ref: ref("6"), to: &$0) } == #"{"type":"pong","ref":6}"#)
        #expect(text { LiveWriter.pong(ref: nil, to: &$0) } == #"{"type":"pong"}"#)
        #expect(
            text { LiveWriter.poke(topic: "sync:s", at: head(12), to: &$0) }
                == #"{"type":"sync","topic":"sync:s","payload":{"cursor":12,"epoch":"e"}}"#)
        #expect(
            text {
                LiveWriter.poke(
                    topic: "sync:s", at: head(1, checksum: ScopeChecksum(bits: 10)), to: &$0)
            }
                == #"{"type":"sync","topic":"sync:s","payload":{"cursor":1,"epoch":"e","#
                + #""checksum":"000000000000000a"}}"#)
        #expect(
            text { LiveWriter.message(topic: "room:1", payload: #"{"a":1}"#, to: &$0) }
                == #"{"type":"message","topic":"room:1","payload":{"a":1}}"#)
        #expect(
            text {
                LiveWriter.drain(retryAfterMilliseconds: 500, spreadMilliseconds: 5000, to: &$0)
            } == #"{"type":"drain","payload":{"retry_after_ms":500,"spread_ms":5000}}"#)
        #expect(
            text {
                LiveWriter.error(
                    ref: ref(#""1""#), topic: "t", code: "scope_denied", text: "no", to: &$0)
            } == #"{"type":"error","ref":"1","topic":"t","code":"scope_denied","error":"no"}"#)
    }

    @Test("a delta is its changes as they are, in however many slices they come")
    func delta() {
        let head =
            #"{"type":"delta","topic":"sync:s","payload":{"base":10,"cursor":12,"epoch":"e","#
        let cuts: [([ByteSlice], String)] = [
            ([#"{"cursor":11},{"cursor":12}"#], #"{"cursor":11},{"cursor":12}"#),
            ([#"{"cursor":11},"#, #"{"cursor":12}"#], #"{"cursor":11},{"cursor":12}"#),
            ([], ""),
        ]
        for (changes, joined) in cuts {
            let written = text {
                LiveWriter.delta(
                    topic: "sync:s", after: 10, to: Position(cursor: 12, epoch: "e"),
                    changes: changes, to: &$0)
            }
            #expect(written == head + #""changes":["# + joined + "]}}")
        }
    }

    @Test("names and words are escaped")
    func escaping() {
        #expect(
            text { LiveWriter.poke(topic: "sync:\"\\", at: head(0, "\""), to: &$0) }
                == #"{"type":"sync","topic":"sync:\"\\","payload":{"cursor":0,"epoch":"\""}}"#)
        #expect(
            text { LiveWriter.error(ref: nil, code: "x", text: "a\nb\"", to: &$0) }
                == #"{"type":"error","code":"x","error":"a\nb\""}"#)
    }

    @Test("presence is written as the guide has it")
    func presence() {
        let news = { (content: PresenceNews.Content) in
            PresenceNews(topic: "room:1", base: 1, version: 2, content: content, count: 3)
        }
        let start = #"{"type":"presence","topic":"room:1","payload":"#
        let changes = news(.changes(joined: [#"{"id":"a"}"#, #"{"id":"b"}"#], left: ["c\"", "d"]))
        #expect(
            text { LiveWriter.presence(changes, to: &$0) } == start
                + #"{"joined":[{"id":"a"},{"id":"b"}],"left":["c\"","d"],"count":3}}"#)
        #expect(
            text { LiveWriter.presence(news(.changes(joined: [], left: [])), to: &$0) } == start
                + #"{"joined":[],"left":[],"count":3}}"#)
        #expect(
            text { LiveWriter.presence(news(.countAlone), to: &$0) } == start + #"{"count":3}}"#)
        #expect(
            text { LiveWriter.presence(news(.members(#"{"id":"a"}"#)), to: &$0) } == start
                + #"{"members":[{"id":"a"}],"count":3}}"#)
        #expect(
            text { LiveWriter.presenceEnded(topic: "room:1", to: &$0) } == start
                + #"{"ended":true}}"#)
        var list = PresenceList(version: 2, members: #"{"id":"a"}"#, count: 1)
        #expect(
            text { LiveWriter.presence(topic: "room:1", list, me: "a", to: &$0) } == start
                + #"{"members":[{"id":"a"}],"count":1,"me":"a"}}"#)
        list.members = nil
        #expect(text { LiveWriter.presencePayload(list, me: nil, to: &$0) } == #"{"count":1}"#)
    }

    @Test("a refusal is answered with its ref; without one it names no topic")
    func refusals() throws {
        let answered = #expect(throws: MessageRefusal.self) {
            try ClientMessage(
                parsing: #"{"type":"publish","ref":"r","topic":"sync:s","payload":1}"#)
        }
        let refusal = try #require(answered)
        #expect(
            text { LiveWriter.error(refusal, to: &$0) }.hasPrefix(
                #"{"type":"error","ref":"r","topic":"sync:s","code":"topic_denied","error":""#))
        let silent = #expect(throws: MessageRefusal.self) {
            try ClientMessage(parsing: #"{"type":"publish","topic":"sync:s","payload":1}"#)
        }
        let unasked = try #require(silent)
        #expect(
            text { LiveWriter.error(unasked, to: &$0) }.hasPrefix(
                #"{"type":"error","code":"topic_denied","error":""#))
    }

    @Test("a sync topic is sync: and its scope, whatever colons that has")
    func topicNames() {
        #expect(TopicName.sync(scope: "a:b") == "sync:a:b")
        #expect(TopicName.scope(of: "sync:a:b") == "a:b")
        #expect(TopicName.scope(of: "room:sync:") == nil)
        #expect(TopicName.scope(of: "sync") == nil)
        #expect(!TopicName.isValid("sync:"))
        #expect(TopicName.isValid("sync:s"))
        #expect(!TopicName.isValid(""))
        let scope = ByteSlice(String(repeating: "s", count: 128))
        #expect(TopicName.isValid(TopicName.sync(scope: scope)))
        #expect(!TopicName.isValid(ByteSlice(String(repeating: "s", count: 134))))
    }
}
