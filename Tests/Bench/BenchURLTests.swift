// Addresses as people write them.

import Testing

@testable import MizuBench

@Suite("The URL of what is measured")
struct BenchURLTests {
    struct Case: Sendable {
        let text, host: String
        let port: UInt16
        let target, authority: String
    }

    static let good = [
        Case(text: "http://a.test", host: "a.test", port: 80, target: "/", authority: "a.test"),
        Case(
            text: "https://127.0.0.1:8443/x?y=1#z", host: "127.0.0.1", port: 8443,
            target: "/x?y=1", authority: "127.0.0.1:8443"),
        Case(
            text: "WSS://a.test/ws", host: "a.test", port: 443, target: "/ws", authority: "a.test"),
        Case(
            text: "ws://[::1]:9000/ws", host: "::1", port: 9000, target: "/ws",
            authority: "[::1]:9000"),
        Case(text: "ws://[::1]?a", host: "::1", port: 80, target: "/?a", authority: "[::1]"),
        Case(
            text: "http://a.test:443/", host: "a.test", port: 443, target: "/",
            authority: "a.test:443"),
    ]

    @Test("a URL is taken apart", arguments: good)
    func parses(example: Case) throws {
        let url = try BenchURL(example.text)
        #expect(url.host == example.host && url.port == example.port)
        #expect(url.target == example.target && url.authority == example.authority)
    }

    @Test(
        "what is no URL of a server is refused as an argument",
        arguments: [
            "", "a.test", "ftp://a.test/", "http:/a.test", "http://", "http:///x", "http://:80/",
            "http://a.test:0/", "http://a.test:65536/", "http://a.test:8x/", "http://::1/",
            "http://me@a.test/", "http://a.test/ x", "http://a.test/é", "http://[::1/", "://a",
        ])
    func refuses(text: String) {
        do {
            _ = try BenchURL(text)
            Issue.record("\(text) was taken")
        } catch {
            guard case .usage = error else {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    @Test("a numeric host is its own address")
    func address() throws {
        #expect(try BenchURL("http://127.0.0.9/").address() == "127.0.0.9")
        #expect(try BenchURL("http://[::1]/").address() == "::1")
    }

    @Test("beyond 25,000 connections to the loopback each source address has 25,000 at most")
    func sources() throws {
        var settings = BenchSettings(url: try BenchURL("http://127.0.0.1/"))
        settings.connections = 25_000
        #expect(settings.source(ofConnection: 24_999, to: "127.0.0.1") == "")
        settings.connections = 1_000_000
        var counts: [String: Int] = [:]
        for number in 0..<settings.connections {
            counts[settings.source(ofConnection: number, to: "127.0.0.1"), default: 0] += 1
        }
        #expect(counts.count == 40 && counts.values.allSatisfy { $0 == 25_000 })
        #expect(counts.keys.allSatisfy { $0.hasPrefix("127.0.") && !$0.hasSuffix(".255") })
        #expect(settings.source(ofConnection: 30_000, to: "192.0.2.1") == "")
    }

    @Test("threads share connections out, each number once")
    func shares() {
        for (connections, threads) in [(1, 1), (7, 3), (64, 5), (2, 4)] {
            let shares = (0..<threads).map {
                Share.of(connections, thread: $0, threads: threads)
            }
            let numbers = shares.flatMap { Array($0.first..<$0.first + $0.count) }
            #expect(numbers == Array(0..<connections))
        }
    }
}
