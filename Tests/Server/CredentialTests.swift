// Who a socket is, and for how long (protocol.md, "Who a socket is"), on real sockets: tokens where
// nobody takes any, the time to sign in, and the moment from which a socket is told nothing more.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync
import MizuWire
import Testing

@testable import MizuSyncService

extension ServerStorey {
    @Suite("Credentials of sockets") struct CredentialTests {
        /// Takes `ann` for ever, `ann:5000` for five seconds more, `:5000` for nobody in
        /// particular.
        private static func authenticate(_ token: String) -> Authentication {
            let parts = token.split(separator: ":", omittingEmptySubsequences: false)
            let until = parts.dropFirst().first.flatMap { Int64($0) }.map {
                Expiry(unixMilliseconds: WallClock.milliseconds + $0)
            }
            return .accepted(user: parts[0].isEmpty ? nil : String(parts[0]), until: until)
        }

        private func server(
            requiresUser: Bool = false, authMilliseconds: UInt64 = 10_000
        ) throws -> SyncServer {
            try SyncServer(
                authMilliseconds: authMilliseconds,
                hooks: HookChanges { hooks in
                    hooks.authenticate = Self.authenticate
                    hooks.requiresUser = requiresUser
                })
        }

        private func auth(_ client: RawClient, _ token: String) -> Message? {
            client.say(#"{"type":"auth","ref":"a","token":"\#(token)"}"#)
            return client.message()
        }

        /// The last words are the error and the close, and the service has forgotten the socket.
        private func expectEnd(_ client: RawClient, _ code: String) {
            let error = client.message()
            #expect(error?.type == "error" && error?.code == code)
            #expect(error?.ref == nil && error?.topic == nil)
            #expect(client.message() == Message(closed: 1008))
            client.sendClose(1008)
            #expect(client.message() == nil)
        }

        private func moments(_ server: SyncServer) -> Int? {
            let box = Box<Int>()
            server.workers.perform(on: 0) { worker in
                box.set(worker.service(LiveService.self)?.credentials.count ?? -1)
            }
            return eventually { box.value != nil } ? box.value : nil
        }

        @Test("where the app takes no tokens, `auth` is refused and changes nothing")
        func noAuthenticator() throws {
            let server = try SyncServer(hooks: HookChanges { $0.authenticate = nil })
            let client = try server.socket()
            let answer = auth(client, "ann")
            #expect(answer?.type == "error" && answer?.code == "unauthenticated")
            #expect(answer?.ref == "a")
            #expect(try server.sessions().map(\.user) == [nil])
            client.subscribe("sync:s")
            #expect(client.message()?.type == "ack")
        }

        @Test("what was signed in until a moment is told nothing from then on, and closed")
        func expires() throws {
            let server = try server()
            let client = try server.socket()
            #expect(auth(client, "ann:60000")?.type == "ack")
            client.subscribe("sync:s", cursor: 0)
            #expect(client.message()?.type == "ack")
            try server.push("first")
            #expect(client.message()?.type == "delta")
            #expect(auth(client, "ann:1000")?.type == "ack")
            // There is always something to tell, and it must stop with the error.
            var last: Message?
            for number in 0..<100_000 {
                try server.push("n\(number)")
                last = client.message()
                guard last?.type == "delta" else { break }
            }
            #expect(last?.type == "error" && last?.code == "token_expired")
            try server.push("behind it")
            #expect(client.message() == Message(closed: 1008))
        }

        @Test("a fresh token of the same user renews it; another's, or nobody's, does not")
        func renews() throws {
            let server = try server()
            let client = try server.socket("?user=ann&left=60000")
            #expect(moments(server) == 1)
            // Nobody's token: neither longer nor shorter.
            #expect(auth(client, ":1000")?.type == "ack")
            #expect(auth(client, "")?.type == "ack")
            #expect(moments(server) == 1)
            // One that has passed is refused, and ends nothing.
            #expect(auth(client, "ann:-1")?.code == "token_expired")
            #expect(auth(client, "ann:90000")?.type == "ack")
            #expect(auth(client, "ann")?.type == "ack")
            #expect(moments(server) == 0)
            #expect(auth(client, "ann:60000")?.type == "ack")
            #expect(auth(client, "ann:1000")?.type == "ack")
            expectEnd(client, "token_expired")
            #expect(eventually { server.closed.heard.count == 1 })
            #expect(moments(server) == 0)
        }

        @Test("what the request says of its user's credentials holds for its socket")
        func upgrade() throws {
            let server = try server(requiresUser: true)
            let client = try server.socket("?user=ann&left=60000")
            client.subscribe("sync:s")
            #expect(client.message()?.type == "ack")
            expectEnd(try server.socket("?user=ann&left=1"), "token_expired")
            expectEnd(try server.socket("?user=ann&left=-1"), "token_expired")
            let other = try server.socket("?user=ann&left=60000")
            #expect(auth(other, "bob:60000")?.code == "wrong_user")
            #expect(other.message() == Message(closed: 1008))
            other.sendClose(1008)
            #expect(eventually { moments(server) == 1 })
        }

        @Test("an auth that ends with nothing unties no socket from its session")
        func tied() throws {
            let server = try server()
            let client = try server.socket("?user=ann&proof=s1")
            // Without a name of its own it is no other proof.
            #expect(auth(client, "ann")?.type == "ack")
            server.feed.close(credential: "s1")
            expectEnd(client, "token_expired")
        }

        @Test("nor does it outlive the moment of its session, and a nearer one counts")
        func tiedMoment() throws {
            let server = try server()
            let far = try server.socket("?user=ann&proof=s1&left=600000")
            #expect(auth(far, "ann")?.type == "ack")
            #expect(moments(server) == 1)
            #expect(auth(far, "ann:900000")?.type == "ack")
            #expect(moments(server) == 1)
            #expect(auth(far, "ann:1000")?.type == "ack")
            expectEnd(far, "token_expired")
        }

        @Test("a socket of nobody is served `auth` and `ping` alone, and closed in time")
        func requiresUser() throws {
            let server = try server(requiresUser: true)
            let client = try server.socket()
            let wishes = [
                #""subscribe","topic":"sync:s""#, #""unsubscribe","topic":"sync:s""#,
                #""publish","topic":"room:1","payload":1"#, #""presence","topic":"room:1""#,
                #""subscribe","topic":"room:1","presence":true"#,
                #""push","mutations":[{"id":"m","name":"put","args":{"id":"n"}}]"#,
            ]
            for wish in wishes { client.say(#"{"ref":"r","type":\#(wish)}"#) }
            client.say(#"{"type":"ping","ref":"p"}"#)
            for _ in wishes {
                let answer = client.message()
                #expect(answer?.type == "error" && answer?.code == "unauthenticated")
                #expect(answer?.ref == "r")
            }
            #expect(client.message()?.type == "pong")
            #expect(auth(client, ":60000")?.code == "unauthenticated")
            let signedIn = client
            #expect(auth(signedIn, "ann")?.type == "ack")
            signedIn.subscribe("sync:s", cursor: 0)
            #expect(signedIn.message()?.type == "ack")
            #expect(try server.push("a") == 1)
            #expect(signedIn.message()?.type == "delta")
            #expect(moments(server) == 0)
        }

        @Test("where no user is asked for, nobody has a moment, and nobody is closed for it")
        func nobody() throws {
            let server = try server(authMilliseconds: 1)
            let client = try server.socket()
            #expect(moments(server) == 0)
            client.subscribe("sync:s")
            #expect(client.message()?.type == "ack")
            #expect(auth(client, ":1000")?.type == "ack")
            expectEnd(client, "token_expired")
        }
    }
}
