// The settings that all loads share: where to, how many connections, for how long. Values only,
// checked once; the defaults of the command line are these.

import CLinux
import MizuTransport
import MizuWebSocket

public struct BenchSettings: Sendable {
    public var url: BenchURL
    /// Connections in all, on all threads.
    public var connections = 64
    public var threads = 1
    /// Seconds to measure.
    public var duration = 5.0
    /// Seconds of load before the measurement.
    public var warmup = 0.0
    /// Seconds that answers may still take when no more is asked.
    public var grace = 2.0
    /// Seconds that a connection may take to open.
    public var openTimeout = 10.0
    /// Connections that each thread opens at once.
    public var openingMax = 128
    /// Fields of each request or handshake, name and value.
    public var headers: [(name: String, value: String)] = []
    public var trust = TLSTrust.system
    /// Offer permessage-deflate, and compress messages if the server agrees.
    public var deflate = Deflation.off
    /// The server's process, whose time and memory are reported.
    public var process: Int?

    public enum Deflation: Sendable {
        case off, offered
        /// Offered, and the server's messages are asked to stand alone.
        case fresh
    }

    public init(url: BenchURL) { self.url = url }

    public static let connectionsMax = 1_000_000
    public static let threadsMax = 256
    public static let durationMax = 86_400.0
    /// Connections beyond which ports of one source address may run out.
    static let connectionsOfAnAddress = 25_000

    var deflateOffer: DeflateOffer? {
        guard deflate != .off else { return nil }
        var offer = DeflateOffer()
        offer.client = .fresh
        if deflate == .fresh { offer.server = .fresh }
        return offer
    }

    /// - Throws: the first setting that cannot be meant.
    public func check() throws(BenchFailure) {
        guard (1...Self.connectionsMax) ~= connections else {
            throw .usage("connections must be 1 to \(Self.connectionsMax)")
        }
        guard (1...Self.threadsMax) ~= threads else {
            throw .usage("threads must be 1 to \(Self.threadsMax)")
        }
        for (name, seconds) in [
            ("duration", duration), ("warmup", warmup), ("grace", grace), ("timeout", openTimeout),
        ] {
            guard seconds >= 0, seconds <= Self.durationMax else {
                throw .usage("\(name) must be seconds from 0 to \(Int(Self.durationMax))")
            }
        }
        for (name, value) in headers {
            guard !name.isEmpty, !name.contains(where: { ": \r\n".contains($0) }),
                !value.contains(where: { $0.isNewline })
            else { throw .usage("write a header as 'Name: value'") }
        }
    }

    /// Raises the limit of open files as far as it goes.
    /// - Throws: if it does not go far enough for the connections.
    func reserveDescriptors() throws(BenchFailure) {
        let limit = Int(cl_raise_open_files())
        let needed = connections + 32 + 8 * threads
        guard limit >= needed else {
            throw .cannot(
                "\(connections) connections need \(needed) open files, and the limit is \(limit): "
                    + "raise it with `ulimit -n` (and `ulimit -Hn`), or ask for fewer")
        }
    }

    /// The source address of connection `number`: the kernel's choice, or one of 127.0.0.0/8 where
    /// there are more connections than one address has ports.
    func source(ofConnection number: Int, to address: String) -> String {
        guard connections > Self.connectionsOfAnAddress, address.hasPrefix("127.") else {
            return ""
        }
        let place = number / Self.connectionsOfAnAddress + 1
        return "127.0.\(place / 250).\(place % 250 + 1)"
    }
}
