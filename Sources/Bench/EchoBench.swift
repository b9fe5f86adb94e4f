// `mizu bench ws` as a value: its settings, one run, its report.

import MizuBytes
import MizuWebSocket

public struct EchoBench: Sendable {
    public var settings: BenchSettings
    /// Bytes of a message.
    public var size = 125
    /// Messages in flight on each connection.
    public var inFlight = 1
    public var kind = MessageKind.text
    /// What is sent; see `MessageTemplate`.
    public var message: String?

    public static let inFlightMax = 4096
    public static let sizeMax = 1 << 20

    public init(_ settings: BenchSettings) { self.settings = settings }

    /// Numbers keep messages apart even if there is little room.
    static func standardMessage(size: Int) -> String {
        size < 20 ? "{seq}{pad}" : "{connection} {seq} {pad}"
    }

    /// Runs to the end; blocks.
    /// - Parameter progress: gets a line a few times a second.
    public func run(progress: ((String) -> Void)? = nil) throws(BenchFailure) -> Report {
        guard settings.url.isWebSocket else { throw .usage("this speaks to ws:// or wss://") }
        guard (1...Self.inFlightMax) ~= inFlight else {
            throw .usage("messages in flight must be 1 to \(Self.inFlightMax)")
        }
        guard (1...Self.sizeMax) ~= size else {
            throw .usage("the size must be 1 to \(Self.sizeMax)")
        }
        let template = try MessageTemplate(message ?? Self.standardMessage(size: size), size: size)
        guard template.isNumbered else {
            throw .usage("the message needs {seq}: each must differ from the one before it")
        }
        guard message != nil || template.count == size else {
            throw .usage("a message needs \(template.count) bytes to carry its number")
        }
        let plan = EchoPlan(
            template: template, opcode: kind == .text ? .text : .binary, inFlight: inFlight)
        let result = try BenchRun<EchoTalk>(settings, progress: progress).run { share, _ in
            EchoTalk(plan, share: share)
        }
        var report = Report("ws", unit: "echoes", settings: settings, result: result)
        report.add("message_bytes", label: "bytes of a message", .count(template.count))
        report.add("in_flight", label: "in flight each", .count(inFlight))
        return report
    }
}
