import MizuBytes
import MizuEventLoop
import MizuWebSocket
import MizuWire
import Testing

@testable import MizuServer
@testable import MizuSyncService

extension ServerStorey {
    /// What the sanitizers watch: sockets come, go and stop reading while all workers publish.
    @Suite("Coming and going during publishes")
    struct LiveChurnTests {
        /// What one subscriber heard until it left.
        private struct Heard {
            var numbers: [Int] = []
            var cursors: [(base: Int, cursor: Int)] = []
            var problems: [String] = []
        }

        @Test("whoever is subscribed hears every message once and in order, however others behave")
        func churn() throws {
            let server = try SyncServer(workers: 2)
            try server.push("first")
            let rounds = 120
            let (publisher, visits) = (Box<Bool>(), Box<Int>())
            try startThread("publisher") {
                // From another thread, as an app does it, and through commits; not so far ahead of
                // those who come and go that few of them are left.
                for number in 0..<rounds {
                    _ = eventually { visits.value ?? 0 >= number / 20 }
                    let payload = ByteSlice(#"{"number":\#(number),"text":"the same for all"}"#)
                    server.feed.publish(topic: "room:x", payload: payload)
                    if number % 4 == 0 { _ = try? server.push("n\(number)") }
                    _ = eventually { server.workers.queued.bytes < 1 << 20 }
                }
                publisher.set(true)
            }
            var all: [Heard] = []
            var kind = 0
            while publisher.value == nil {
                kind += 1
                all.append(visit(server, kind))
                visits.set(all.count)
            }
            for heard in all { #expect(heard.problems == []) }
            #expect(all.count > 4)
            #expect(eventually { server.workers.queued.bytes == 0 }, "frames that nobody holds")
            #expect(eventually { (try? server.sessions().isEmpty) == true })
        }

        /// One client's life: it subscribes, hears some messages and leaves in one of four ways.
        private func visit(_ server: SyncServer, _ kind: Int) -> Heard {
            var heard = Heard()
            let client = RawClient(server.server.ports[0])
            let inflater = Inflater()
            let upgraded =
                kind % 3 == 0
                ? client.upgrade() : client.upgrade(offering: "permessage-deflate") != nil
            guard upgraded else {
                heard.problems.append("no upgrade")
                return heard
            }
            client.subscribe("room:x")
            client.subscribe("sync:s", cursor: 0)
            for _ in 0..<(kind % 7) * 3 {
                guard client.hasInput(milliseconds: 200), let frame = client.frame() else { break }
                note(frame, by: inflater, &heard)
            }
            switch kind % 4 {
            case 0: client.reset()
            case 1: client.sendClose(1000)
            case 2: client.halfClose()
            default: break
            }
            return heard
        }

        private func note(_ frame: RawFrame, by inflater: Inflater?, _ heard: inout Heard) {
            guard frame.opcode == 1 else { return }
            var bytes = frame.payload
            if frame.isCompressed {
                let inflated: [UInt8]? = frame.payload.withUnsafeBytes { payload in
                    guard
                        case .message(let message)? = inflater?.inflate(
                            payload, limit: 1 << 20, context: .takenOver)
                    else { return nil }
                    return [UInt8](message)
                }
                guard let inflated else {
                    heard.problems.append("cannot be inflated")
                    return
                }
                bytes = inflated
            }
            guard let json = try? JSON.parse(ByteSlice(bytes)) else {
                heard.problems.append("no JSON: \(String(decoding: bytes, as: UTF8.self))")
                return
            }
            let payload = json.member("payload")
            switch json.member("type")?.string {
            case "message":
                let number = payload?.member("number")?.int ?? -1
                if let last = heard.numbers.last, number != last + 1 {
                    heard.problems.append("\(number) behind \(last)")
                }
                heard.numbers.append(number)
            case "delta":
                let base = payload?.member("base")?.int ?? -1
                let cursor = payload?.member("cursor")?.int ?? -1
                if let last = heard.cursors.last, base != last.cursor {
                    heard.problems.append("delta from \(base) behind \(last.cursor)")
                }
                heard.cursors.append((base, cursor))
            default: break
            }
        }
    }
}
