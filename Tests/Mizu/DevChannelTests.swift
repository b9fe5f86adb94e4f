// What open pages are told while `mizu dev` runs the app: lines in, answers out, and pages with the
// script that asks. In debug builds, as the thing itself.

#if DEBUG
    import Foundation
    import MizuBytes
    import MizuHTTP
    import MizuServer
    import Testing

    @testable import Mizu

    @Suite("DevChannel")
    struct DevChannelTests {
        private let channel: DevChannel
        private let pipe = Pipe()

        init() throws {
            // The channel closes its end, so it gets one of its own.
            let end = dup(pipe.fileHandleForReading.fileDescriptor)
            let workers = try Workers(count: 1)
            channel = try #require(
                DevChannel.open(environment: ["DEV_EVENTS_FD": String(end)], workers: workers))
        }

        /// Says it and waits until the channel has heard it.
        private func say(_ text: String, until sequence: Int) {
            pipe.fileHandleForWriting.write(Data(text.utf8))
            while channel.sequence < sequence { sched_yield() }
        }

        private func ask(after: Int, state: Int) throws -> JSONValue? {
            let exchange = ExchangeID(worker: 0, connection: 1, sequence: 1)
            let response = channel.poll(after: after, state: state, from: exchange)
            guard case .complete = response.kind, case .slice(let json) = response.body else {
                return nil
            }
            #expect(response.has("Cache-Control"))
            return try JSON.parse(json)
        }

        @Test("events behind the one that a page knows are answered at once, others waited for")
        func events() throws {
            say(
                "event 5 null\nevent 6 {\"kind\":\"css\"}\nevent 7 {\"kind\":\"reload\"}\n",
                until: 7)
            #expect(
                try ask(after: 6, state: 0)?.bytes.string
                    == #"{"seq":7,"bye":false,"state":null,"events":[{"kind":"reload"}]}"#)
            #expect(
                try ask(after: 0, state: 0)?.member("events")?.bytes.string.contains("css") == true)
            #expect(try ask(after: 7, state: 0) == nil)
        }

        @Test("the state of the build is told to who knows another, the last one only")
        func states() throws {
            say("state 3 {\"phase\":\"building\"}\nstate 4 {\"phase\":\"failed\"}\n", until: 4)
            #expect(
                try ask(after: 9, state: 3)?.member("state")?.bytes.string
                    == #"{"phase":"failed"}"#)
            #expect(try ask(after: 9, state: 4) == nil)
        }

        @Test("the last links for the developer are told, the latest first")
        func notes() throws {
            let notes = DevNotes()
            for number in 1...7 { notes.add("link \(number)", path: "/reset?token=\(number)") }
            guard case .slice(let json) = notes.response.body else { return }
            let told = try JSON.parse(json).member("notes")?.elements.compactMap {
                $0.member("text")?.string
            }
            #expect(told == ["link 7", "link 6", "link 5", "link 4", "link 3"])
            #expect(json.string.hasPrefix(#"{"notes":[{"text":"link 7","path":"/reset?token=7"}"#))
        }

        @Test("who waits while the process is replaced is let go, and so is who comes then")
        func bye() throws {
            #expect(try ask(after: 0, state: 0) == nil)
            say("bye\nevent 1 null\n", until: 1)
            #expect(try ask(after: 1, state: 0)?.member("bye")?.bool == true)
        }

        @Test("lines that are cut anywhere are whole again, and odd ones are passed over")
        func cuts() throws {
            for (number, byte) in "nonsense\nevent x {}\nevent 1\nevent 2 {\"kind\":\"a b\"}\n".utf8
                .enumerated()
            {
                pipe.fileHandleForWriting.write(Data([byte]))
                if number % 7 == 0 { sched_yield() }
            }
            while channel.sequence < 2 { sched_yield() }
            #expect(
                try ask(after: 0, state: 0)?.member("events")?.bytes.string
                    == #"[{"kind":"a b"}]"#)
        }

        @Test("no pipe, no channel", arguments: ["", "x", "0", "2", "-1", "99999999999999999999"])
        func none(text: String) throws {
            let workers = try Workers(count: 1)
            let environment = ["DEV_EVENTS_FD": text]
            #expect(DevChannel.open(environment: environment, workers: workers) == nil)
            #expect(DevChannel.open(environment: [:], workers: workers) == nil)
        }

        @Test(
            "a page gets the script at the start of its head, or behind everything",
            arguments: [
                ("<head><title>a</title></head><body>", "<head>|<title>a</title></head><body>"),
                ("<p>no head", "<p>no head|"), ("", "|"),
                ("<head><head>", "<head>|<head>"),
            ])
        func script(page: String, expected: String) {
            say("event 8 null\n", until: 8)
            let response = DevPages(channel: channel).adding(to: .html(page))
            guard case .slices(let parts) = response.body else {
                Issue.record("no slices")
                return
            }
            let script = #"<script type="module" src="/_dev/dev.js?after=8"></script>"#
            #expect(
                parts.map(\.string).joined() == expected.replacingOccurrences(of: "|", with: script)
            )
        }
    }
#endif
