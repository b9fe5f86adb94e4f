// How figures are told, and where the server's are read.

import MizuBytes
import Testing

@testable import MizuBench

@Suite("A report")
struct ReportTests {
    @Test("numbers are rounded, grouped and given units")
    func figures() {
        #expect(Report.decimal(1234.5678, 2) == "1234.57" && Report.decimal(0.999, 2) == "1.00")
        #expect(Report.decimal(-0.04, 1) == "0.0" && Report.decimal(.nan, 1) == "0")
        #expect(Report.decimal(2.05, 3) == "2.050" && Report.decimal(7.6, 0) == "8")
        #expect(Report.grouped(0) == "0" && Report.grouped(-1_234_567) == "-1,234,567")
        #expect(Report.duration(1_500) == "1.5 µs" && Report.duration(2_340_000) == "2.34 ms")
        #expect(Report.duration(12_000_000_000) == "12.00 s")
        #expect(Report.size(999) == "999 B" && Report.size(1_500_000) == "1.5 MB")
    }

    @Test("JSON and table hold the same figures, and errors end them")
    func forms() throws {
        var report = Report()
        report.add("name", label: "name", .text("a \"b\""))
        report.add("rate", label: "rate/s", .number(12.5, digits: 1))
        report.add("statuses", label: "statuses", .counts([("200", 3)]))
        var histogram = Histogram()
        histogram.record(1_000)
        report.add(latency: histogram, "latency", label: "latency")
        #expect(report.isClean)
        report.faults.add(Fault(.wrong, "first"), times: 2)
        report.faults.add(Fault(.wrong, "second"))
        #expect(!report.isClean)
        let json = try JSON.parse(report.json)
        #expect(json.member("name")?.string == "a \"b\"" && json.member("rate")?.double == 12.5)
        #expect(json.member("statuses")?.member("200")?.int == 3)
        #expect(json.member("latency_p999_us")?.double == 1.0)
        #expect(json.member("errors")?.int == 3)
        let kind = json.member("error_kinds")?.member("wrong")
        #expect(kind?.member("count")?.int == 3 && kind?.member("first")?.string == "first")
        #expect(json.member("interrupted")?.bool == false)
        #expect(report.table.contains("rate/s") && report.table.contains("3  first"))
    }

    @Test("a peer's bytes are told short and visible")
    func excerpts() {
        let bytes = [UInt8]("a\r\n\u{1B}é".utf8) + [UInt8](repeating: 0x78, count: 100)
        let text = bytes.withUnsafeBytes { excerpt($0, of: 10) }
        #expect(text == "'a.....xxxx'… (106 bytes)")
    }

    @Test("/proc says what this process uses")
    func process() throws {
        let text = "Rss:    12 kB\nAnonymous:   4 kB\n"
        #expect(ServerProcess.kilobytes("Anonymous:", in: text) == 4)
        #expect(ServerProcess.kilobytes("Pss:", in: text) == nil)
        let own = try ServerProcess(Int(try #require(ownPID())))
        #expect(try #require(own.memory).resident > 1 << 20)
        #expect(own.cpuNanoseconds != nil)
        #expect(try #require(ServerProcess.kernelMemory).slab > 0)
        #expect(throws: BenchFailure.self) { try ServerProcess(1 << 30) }
    }

    /// From /proc/self/stat, whose first word is the number.
    private func ownPID() -> Int? {
        ServerProcess.read("/proc/self/stat")?.split(separator: " ").first.flatMap { Int($0) }
    }
}

@Suite("What is said to subscribe and publish")
struct LivePlanTests {
    private func bench(_ dialect: LiveBench.Dialect) throws -> LiveBench {
        var bench = LiveBench(BenchSettings(url: try BenchURL("ws://127.0.0.1:9/ws")))
        bench.dialect = dialect
        return bench
    }

    private func text(_ template: MessageTemplate) -> String {
        var buffer = ByteBuffer(capacity: 16)
        template.append(sequence: 7, connection: 0, to: &buffer)
        return String(decoding: buffer.readable, as: UTF8.self)
    }

    @Test("echo-server is published to by POST, and delivers the body as it is")
    func echo() throws {
        var bench = try bench(.echo)
        bench.topic = "a b"
        bench.size = 100
        let plan = try bench.plan(run: "r")
        #expect(plan.subscribe.string == #"{"type":"subscribe","topic":"a b"}"#)
        guard case .request(let head, let body) = plan.publish,
            case .message(let delivery) = plan.expected
        else {
            Issue.record("another plan")
            return
        }
        #expect(
            head.string.hasPrefix("POST /publish?topic=a%20b HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"))
        #expect(head.string.hasSuffix("Content-Length: 100\r\n\r\n"))
        #expect(text(body) == text(delivery) && body.count == 100)
    }

    @Test("a topic of Mizu's is published to by a message, and wraps what is delivered")
    func mizu() throws {
        var bench = try bench(.mizu)
        bench.topic = "room:1"
        let plan = try bench.plan(run: "r")
        guard case .message(let publish) = plan.publish,
            case .message(let delivery) = plan.expected
        else {
            Issue.record("another plan")
            return
        }
        let sent = try JSON.parse(Array(text(publish).utf8))
        let arriving = try JSON.parse(Array(text(delivery).utf8))
        #expect(sent.member("type")?.string == "publish")
        #expect(arriving.member("topic")?.string == "room:1")
        let payload = try #require(sent.member("payload"))
        #expect(payload.bytes == arriving.member("payload")?.bytes && payload.bytes.count == 120)
    }

    @Test("a sync topic is pushed to, with a length that fits every push")
    func sync() throws {
        let plan = try bench(.mizu).plan(run: "r")
        guard case .push(let head, let before, let check, let after) = plan.publish,
            case .deltas(_, let topic) = plan.expected
        else {
            Issue.record("another plan")
            return
        }
        #expect(topic == "sync:bench-r")
        for sequence in [0, MessageTemplate.sequenceMax] {
            var body = ByteBuffer(capacity: 16)
            body.append(before)
            check.appendMutation(sequence: sequence, connection: 0, to: &body)
            body.append(after)
            #expect(head.string.hasSuffix("Content-Length: \(body.count)\r\n\r\n"))
            let push = try JSON.parse(body.takeSlice())
            #expect(push.member("scope")?.string == "bench-r")
        }
    }

    @Test("a message without a number cannot be told from the next, and is refused")
    func unnumbered() throws {
        var bench = try bench(.echo)
        bench.message = "always the same"
        #expect(throws: BenchFailure.self) { try bench.plan(run: "r") }
    }
}
