// What the process reads of the machine around it: the service manager's environment, RUN_AS, and
// what may be read after the drop.

import Glibc
import MizuEventLoop
import MizuTransport
import Testing

@testable import MizuProcess

@Suite("The service manager's environment")
struct ServiceEnvironmentTests {
    private static let pid: Int32 = 4242

    private static func read(
        _ environment: [String: String]
    ) throws(ServiceEnvironmentError) -> ServiceEnvironment {
        try ServiceEnvironment(environment: environment, processID: pid)
    }

    @Test("nothing said is nothing to do")
    func empty() throws {
        #expect(try Self.read([:]) == ServiceEnvironment())
        let blank = Dictionary(uniqueKeysWithValues: ServiceEnvironment.variables.map { ($0, "") })
        #expect(try Self.read(blank) == ServiceEnvironment())
    }

    @Test("sockets are numbered from 3, with the names that were given")
    func sockets() throws {
        var environment = ["LISTEN_FDS": "3", "LISTEN_PID": "4242"]
        #expect(try Self.read(environment).inherited.map(\.descriptor) == [3, 4, 5])
        #expect(try Self.read(environment).inherited.allSatisfy { $0.name == nil })
        environment["LISTEN_FDNAMES"] = "http:https"
        #expect(
            try Self.read(environment).inherited == [
                InheritedSocket(descriptor: 3, name: "http"),
                InheritedSocket(descriptor: 4, name: "https"),
                InheritedSocket(descriptor: 5, name: nil),
            ])
    }

    @Test(
        "what was meant for another process is left alone",
        arguments: ["", "1", "42424", "x", "-4242"])
    func otherProcess(pid: String) throws {
        #expect(try Self.read(["LISTEN_FDS": "1", "LISTEN_PID": pid]).inherited == [])
        let watched = try Self.read([
            "NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "9", "WATCHDOG_PID": pid,
        ])
        #expect(watched.watchdogMicroseconds == (pid.isEmpty ? 9 : nil))
    }

    @Test("a count that cannot be is refused", arguments: ["-1", "65", "x", "3 ", "99999999999"])
    func badCount(text: String) {
        #expect(throws: ServiceEnvironmentError.self) {
            try Self.read(["LISTEN_FDS": text, "LISTEN_PID": "4242"])
        }
    }

    @Test("a watchdog without anybody to tell is none; a time that is none is refused")
    func watchdog() throws {
        #expect(try Self.read(["WATCHDOG_USEC": "500"]).watchdogMicroseconds == nil)
        let watched = try Self.read(["NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "30000000"])
        #expect(watched.notifySocket == "@a" && watched.watchdogMicroseconds == 30_000_000)
        for text in ["0", "-5", "soon"] {
            #expect(throws: ServiceEnvironmentError.self) { try Self.read(["WATCHDOG_USEC": text]) }
        }
    }

    @Test(
        "user and group as they are written",
        arguments: [
            ("nobody", "nobody", nil), ("a:b", "a", "b"), ("1000:1000", "1000", "1000"),
            ("", nil, nil), (":", nil, nil), ("a:", nil, nil), (":b", nil, nil),
            ("a:b:c", nil, nil), ("a b", nil, nil), ("a\n", nil, nil),
        ] as [(String, String?, String?)])
    func runAs(text: String, user: String?, group: String?) {
        #expect(RunAs(text)?.user == user && RunAs(text)?.group == group)
        if let identity = RunAs(text) { #expect(identity.description == text) }
    }

    @Test("a file that cannot be read again is told with its reason")
    func unreadable() throws {
        #expect(
            Privileges.obstacle(toReading: "/no/such/file")
                == SystemError(call: "open", errno: ENOENT))
        #expect(Privileges.obstacle(toReading: "/dev/null") == nil)
        // A FIFO without a writer must not make the start wait.
        var template = Array("/tmp/mizu-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(folder) }
        let fifo = folder + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        defer { unlink(fifo) }
        #expect(Privileges.obstacle(toReading: fifo) == nil)
    }
}
