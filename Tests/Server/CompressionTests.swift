// Whose words are compressed together (live.md, "Compressed once"): what is told of those who may
// not read a scope, or in topics that are not compressed, goes as it is and enters no window.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuWebSocket
import Testing

@testable import MizuSyncService

extension ServerStorey {
    @Suite("Compression among strangers") struct CompressionTests {
        /// A socket that keeps the window of what it is told.
        private final class Listener {
            let client: RawClient
            private let inflater = Inflater()

            init(_ server: SyncServer, _ topic: String, cursor: Int? = nil) throws {
                client = RawClient(server.server.ports[0])
                try #require(client.upgrade(offering: "permessage-deflate") != nil)
                client.subscribe(topic, cursor: cursor)
                try #require(next()?.text.contains("ack") == true)
            }

            /// The next message, whether it came compressed, and the bytes of its frame.
            func next() -> (text: String, isCompressed: Bool, bytes: Int)? {
                guard let frame = client.frame() else { return nil }
                guard frame.isCompressed else { return (frame.text, false, frame.payload.count) }
                return frame.payload.withUnsafeBytes { payload in
                    let outcome = inflater?.inflate(payload, limit: 1 << 20, context: .takenOver)
                    guard case .message(let bytes)? = outcome else { return nil }
                    return (String(decoding: bytes, as: UTF8.self), true, payload.count)
                }
            }
        }

        private static let secret = "the secret is 93c1f7e2a4b85d60"
        private static let guess = "the secret is 1111111111111111"

        @Test("a stranger's guess is told as it is, whatever stands in the window beside it")
        func strangers() throws {
            let server = try SyncServer()
            let owner = try Listener(server, "sync:s", cursor: 0)
            for round in 0..<4 {
                try server.push("own\(round)", text: Self.secret, as: "owner")
                let own = try #require(owner.next())
                #expect(own.isCompressed && own.text.contains(Self.secret))
                var sizes: Set<Int> = []
                for (number, text) in [Self.secret, Self.guess].enumerated() {
                    try server.push("try\(round)\(number)", text: text, as: "stranger")
                    let told = try #require(owner.next())
                    #expect(!told.isCompressed && told.text.contains(text))
                    sizes.insert(told.bytes)
                }
                #expect(sizes.count == 1, "sizes tell which guess was right")
            }
            // What the owner wrote meanwhile was compressed with what the owner wrote before.
            try server.push("own", text: Self.secret, as: "owner")
            let last = try #require(owner.next())
            #expect(last.isCompressed && last.bytes < last.text.utf8.count / 2)
        }

        @Test("in a topic that the app does not want compressed nothing is, and elsewhere all is")
        func topics() throws {
            let server = try SyncServer(
                hooks: HookChanges { $0.compresses = { $0 != "sync:quiet" } })
            for (scope, isCompressed) in [("quiet", false), ("loud", true)] {
                let deltas = try Listener(server, "sync:\(scope)", cursor: 0)
                let pokes = try Listener(server, "sync:\(scope)")
                for number in 0..<3 {
                    try server.push("\(scope)\(number)", to: scope, text: Self.secret)
                    for listener in [deltas, pokes] {
                        #expect(listener.next()?.isCompressed == isCompressed)
                    }
                }
            }
        }

        @Test("in a topic of the app, what somebody publishes who may not hear it goes as it is")
        func publishers() throws {
            let server = try SyncServer(
                hooks: HookChanges { hooks in
                    hooks.onMessage = { session, request in
                        if case .subscribe = request, session.user == "stranger" { return .deny }
                        return .allow
                    }
                })
            let listener = try Listener(server, "room:1")
            for (user, isCompressed) in [("stranger", false), ("friend", true)] {
                let client = try server.socket("?user=\(user)")
                for _ in 0..<2 {
                    client.say(
                        #"{"type":"publish","ref":"p","topic":"room:1","#
                            + #""payload":"\#(Self.secret)"}"#)
                    #expect(client.message()?.type == "ack")
                    #expect(listener.next()?.isCompressed == isCompressed)
                }
            }
        }
    }
}
