// The app's end of `mizu dev`: what open pages are to hear comes in by a pipe and goes out at
// /_dev/events, as answers to requests that wait for it. Exists in debug builds alone, and there
// only if `mizu dev` has started the process with DEV=true.
//
//   GET /_dev/events?after=SEQ&state=SEQ   answered as soon as there is an event behind `after`, or
//                                          another state of the build than the one that is known:
//   {"seq":…,"bye":false,"state":{…}|null,"events":[{"kind":"css","paths":[…],"seq":…},…]}

#if DEBUG
    import CLinux
    import Glibc
    import MizuBytes
    import MizuEventLoop
    import MizuHTTP
    import MizuServer
    import Synchronization

    /// What `mizu dev` said, and who waits for more. Any thread.
    final class DevChannel: Sendable {
        private static let variable = "DEV_EVENTS_FD"
        private static let eventsMax = 64
        private static let waitingMax = 256
        private static let lineBytesMax = 1 << 20

        private struct Line {
            var sequence = 0
            var json = ByteSlice.empty
        }
        private struct Waiting {
            let exchange: ExchangeID
            let after, state: Int
        }
        private struct Content {
            var sequence = 0
            var events: [Line] = []
            var state = Line()
            var waiting: [Waiting] = []
            /// The process is about to be replaced: nobody waits any more.
            var isLeaving = false
        }

        private let content = Mutex(Content())
        private let workers: Workers

        private init(workers: Workers) { self.workers = workers }

        /// Takes the pipe that the environment names; nil if there is none, which is to say
        /// that nobody develops here.
        static func open(environment: [String: String], workers: Workers) -> DevChannel? {
            guard let number = environment[variable].flatMap({ Int32($0) }), number > 2,
                isPipe(number)
            else { return nil }
            // It is not for children.
            unsetenv(variable)
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
            let channel = DevChannel(workers: workers)
            do throws(SystemError) {
                try startThread("mizu-dev") { channel.read(number) }
            } catch {
                return nil
            }
            return channel
        }

        /// Whatever else has this number is not ours to close.
        private static func isPipe(_ number: Int32) -> Bool {
            var status = stat()
            return fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
        }

        /// What a page that is rendered now knows, for the address of its script.
        var sequence: Int { content.withLock { $0.sequence } }

        /// Answers a page, now or later.
        func poll(after: Int, state: Int, from exchange: ExchangeID) -> Response {
            content.withLock { content in
                let waiting = Waiting(exchange: exchange, after: after, state: state)
                if Self.isDue(waiting, content) { return Self.answer(waiting, content) }
                content.waiting.append(waiting)
                if content.waiting.count > Self.waitingMax {
                    let longest = content.waiting.removeFirst()
                    workers.respond(to: longest.exchange, Self.answer(longest, content))
                }
                return .pending
            }
        }

        private static func isDue(_ waiting: Waiting, _ content: Content) -> Bool {
            content.isLeaving || content.state.sequence != waiting.state
                || (content.events.last?.sequence ?? 0) > waiting.after
        }

        private static func answer(_ waiting: Waiting, _ content: Content) -> Response {
            var json = JSONWriter()
            json.beginObject()
            json.key("seq")
            json.int(content.sequence)
            json.key("bye")
            json.bool(content.isLeaving)
            json.key("state")
            content.state.json.isEmpty ? json.null() : json.raw(content.state.json)
            json.key("events")
            json.beginArray()
            for event in content.events where event.sequence > waiting.after {
                json.raw(event.json)
            }
            json.endArray()
            json.endObject()
            var response = Response.json(json.finish())
            response.set("Cache-Control", literal: "no-store")
            return response
        }

        /// The thread: lines from the pipe until it ends.
        private func read(_ number: Int32) {
            let pipe = Descriptor(owning: number)
            var unread: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 16 * 1024)
            while true {
                let count = buffer.withUnsafeMutableBytes {
                    cl_read_some(pipe.raw, $0.baseAddress, $0.count)
                }
                guard count > 0 else { break }
                unread += buffer[..<count]
                while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                    take(String(decoding: unread[..<end], as: UTF8.self))
                    unread.removeFirst(end + 1)
                }
                guard unread.count <= Self.lineBytesMax else { break }
            }
            take("bye")
        }

        private func take(_ line: String) {
            let parts = line.split(separator: " ", maxSplits: 2)
            content.withLock { content in
                var answersAll = false
                switch parts.first {
                case "beat": answersAll = true
                case "bye": content.isLeaving = true
                case "event", "state":
                    guard parts.count == 3, let sequence = Int(parts[1]) else { return }
                    let line = Line(sequence: sequence, json: ByteSlice(String(parts[2])))
                    content.sequence = max(content.sequence, sequence)
                    if parts[0] == "state" {
                        content.state = line
                    } else if parts[2] != "null" {
                        content.events.append(line)
                        if content.events.count > Self.eventsMax { content.events.removeFirst() }
                    }
                default: return
                }
                let waiting = content.waiting
                content.waiting = waiting.filter { !answersAll && !Self.isDue($0, content) }
                for one in waiting where answersAll || Self.isDue(one, content) {
                    workers.respond(to: one.exchange, Self.answer(one, content))
                }
            }
        }
    }
#endif
