// What clients say on `/ws`, read strictly; and what is refused, with the ref to answer to
// (protocol.md, "Conventions" and "GET /ws").

import MizuBytes
import MizuSync
import MizuWire
import Testing

@Suite("Messages from a client")
struct ClientMessageTests {
    private func parse(_ text: String) throws(MessageRefusal) -> ClientMessage {
        try ClientMessage(parsing: ByteSlice(text))
    }

    private func refusal(_ text: String) -> MessageRefusal? {
        do {
            _ = try parse(text)
            return nil
        } catch {
            return error
        }
    }

    @Test("subscribe without a cursor asks for pokes, with one for deltas")
    func subscribe() throws {
        let pokes = try parse(#"{"type":"subscribe","ref":"1","topic":"sync:s"}"#)
        #expect(pokes.ref?.string == "1")
        guard case .subscribe("sync:s", from: nil) = pokes.request else {
            Issue.record("\(pokes)")
            return
        }
        let deltas = try parse(
            #" {"epoch":"e", "cursor":10, "topic":"sync:a:b", "ref":7, "type":"subscribe"} "#)
        #expect(deltas.ref?.int == 7)
        guard case .subscribe("sync:a:b", from: let position?) = deltas.request else {
            Issue.record("\(deltas)")
            return
        }
        #expect(position == Position(cursor: 10, epoch: "e"))
        let start = try parse(#"{"type":"subscribe","topic":"sync:s","cursor":0}"#)
        #expect(start.ref == nil)
        guard case .subscribe(_, from: let zero?) = start.request else {
            Issue.record("\(start)")
            return
        }
        #expect(zero.cursor == 0)
    }

    @Test("the other types carry what the protocol gives them")
    func otherTypes() throws {
        guard case .unsubscribe("r") = try parse(#"{"type":"unsubscribe","topic":"r"}"#).request,
            case .ping = try parse(#"{"type":"ping","ref":"6","v":1}"#).request,
            case .auth("a\u{e9}") = try parse(#"{"type":"auth","token":"a\u00e9"}"#).request,
            case .publish("room:1", let payload) = try parse(
                #"{"type":"publish","topic":"room:1","payload":{"a": [1]}}"#
            ).request
        else {
            Issue.record("a type was read as another")
            return
        }
        #expect(payload.bytes.string == #"{"a": [1]}"#)
    }

    @Test("a subscribe to an app's topic may ask for presence, with info or without")
    func presence() throws {
        let start = #"{"type":"subscribe","ref":"1","topic":"room:1","presence":"#
        for (wish, expected) in [
            ("true", nil), ("{}", nil), (#"{"x":1}"#, nil), (#"{"info": {"a": 1} }"#, #"{"a": 1}"#),
            (#"{"info":null}"#, "null"),
        ] as [(String, String?)] {
            guard case .join("room:1", let info) = try parse(start + wish + "}").request else {
                Issue.record("\(wish)")
                continue
            }
            #expect(info?.bytes.string == expected, "\(wish)")
        }
        for wish in ["false", "null"] {
            guard case .subscribe("room:1", nil) = try parse(start + wish + "}").request else {
                Issue.record("\(wish)")
                continue
            }
        }
        guard
            case .subscribe("sync:s", nil) = try parse(
                #"{"type":"subscribe","topic":"sync:s","presence":7}"#
            ).request, case .presence("r") = try parse(#"{"type":"presence","topic":"r"}"#).request
        else {
            Issue.record("a type was read as another")
            return
        }
        let long = "\"" + String(repeating: "x", count: 1023) + "\""
        let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
        for wish in [
            "1", #""yes""#, "[]", #"{"info":1,"info":2}"#, #"{"info":\#(long)}"#,
            #"{"info":\#(deep)}"#,
        ] {
            let refusal = refusal(start + wish + "}")
            #expect(
                refusal?.refusal.code == "invalid_request" && refusal?.ref?.string == "1", "\(wish)"
            )
            #expect(refusal?.refusal.message.hasPrefix("presence") == true, "\(wish)")
        }
        #expect(refusal(start + "true,\"presence\":true}")?.refusal.code == "invalid_request")
        #expect(refusal(#"{"type":"presence"}"#)?.refusal.code == "invalid_request")
    }

    @Test("what is wrong inside one mutation of a push leaves the others")
    func push() throws {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        let mutations = #"[{"id":"m1","args":{"a":"\ud800"}},{"id":"m2","args":"# + deep + "}]"
        let text = #"{"type":"push","ref":"3","scope":"s","client":"c","mutations":"#
        guard case .push(let envelope) = try parse(text + mutations + "}").request else {
            Issue.record("not a push")
            return
        }
        let push = try envelope.parse(limits: SyncLimits())
        #expect(push.scope == "s" && push.client == "c")
        #expect(push.mutations.map(\.id) == ["m1", "m2"])
        for mutation in push.mutations {
            if case .ready = mutation.content { Issue.record("\(mutation.id) is ready") }
        }
        for wrong in ["{\"mutations\":{},", "{"] {
            guard case .push(let envelope) = try parse(wrong + #""type":"push","ref":"3"}"#).request
            else { continue }
            #expect(throws: Refusal.self) { try envelope.parse(limits: SyncLimits()) }
        }
    }

    @Test("what is not the JSON of the protocol is refused as invalid_request")
    func invalid() {
        let long = String(repeating: "x", count: 134)
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        let texts = [
            "", "null", "[]", "1", "{", #"{"type":"ping"} x"#, #"{"type":"ping",}"#,
            #"{"type":1}"#, #"{}"#, #"{"type":"nosuch"}"#, #"{"type":"Ping"}"#,
            #"{"type":"ping","type":"ping"}"#, #"{"type":"ping","\u0074ype":"ping"}"#,
            #"{"type":"ping","ref":null}"#, #"{"type":"ping","ref":{}}"#,
            #"{"type":"ping","ref":"\ud800"}"#, #"{"type":"ping","x":"\ud800"}"#,
            #"{"type":"ping","x":"# + deep + "}", #"{"type":"ping","ref":""# + long + #""}"#,
            #"{"type":"subscribe"}"#, #"{"type":"subscribe","topic":""}"#,
            #"{"type":"subscribe","topic":"sync:"}"#, #"{"type":"subscribe","topic":"a\nb"}"#,
            #"{"type":"subscribe","topic":"a\u007fb"}"#, #"{"type":"subscribe","topic":7}"#,
            #"{"type":"subscribe","topic":""# + long + #""}"#,
            #"{"type":"subscribe","topic":"sync:s","cursor":-1}"#,
            #"{"type":"subscribe","topic":"sync:s","cursor":1.0,"epoch":"e"}"#,
            #"{"type":"subscribe","topic":"sync:s","cursor":9007199254740992,"epoch":"e"}"#,
            #"{"type":"subscribe","topic":"sync:s","cursor":"1","epoch":"e"}"#,
            #"{"type":"subscribe","topic":"sync:s","cursor":1}"#,
            #"{"type":"subscribe","topic":"sync:s","cursor":1,"epoch":2}"#,
            #"{"type":"publish","topic":"r"}"#, #"{"type":"auth"}"#, #"{"type":"auth","token":1}"#,
            #"{"type":"unsubscribe"}"#,
        ]
        for text in texts { #expect(refusal(text)?.refusal.code == "invalid_request", "\(text)") }
        #expect(
            (try? ClientMessage(parsing: ByteSlice([0x7B, 0x22, 0xFF, 0x22, 0x7D]))) == nil)
    }

    @Test("a refusal carries the ref and the topic as far as they were read, and says where")
    func refusals() {
        let unknown = refusal(#"{"type":"nosuch","ref":"r1"}"#)
        #expect(unknown?.ref?.string == "r1")
        let version = refusal(#"{"type":"ping","ref":4,"v":2}"#)
        #expect(version?.refusal.code == "version_unsupported")
        #expect(version?.ref?.int == 4)
        let denied = refusal(#"{"type":"publish","ref":"r","topic":"sync:s","payload":{}}"#)
        #expect(denied?.refusal.code == "topic_denied")
        #expect(denied?.topic == "sync:s")
        let cursor = refusal(#"{"type":"subscribe","ref":"r","topic":"sync:s","cursor":-1}"#)
        #expect(cursor?.topic == "sync:s")
        #expect(cursor?.refusal.message.hasPrefix("cursor: ") == true)
        #expect(
            refusal(#"{"type":"ping" "ref":1}"#)?.refusal.message.contains("at byte 15") == true)
    }
}
