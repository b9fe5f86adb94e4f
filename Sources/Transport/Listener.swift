// A listening socket and how it is acquired. Each worker has its own, bound with SO_REUSEPORT, so
// the kernel spreads connections; before that the address is tried once without it, because a
// second process could otherwise join in and take half of the traffic without an error.

import CLinux
import MizuEventLoop

/// A listening TCP socket (listen(2)). Any thread; in use it belongs to one worker.
public final class Listener: Sendable {
    public enum Accepted: Sendable {
        /// A non-blocking socket that the caller now owns, and where it comes from: an IPv6
        /// address in two halves (IPv4 as `::ffff:a.b.c.d`) and a port.
        case socket(Int32, high: UInt64, low: UInt64, port: UInt16)
        case wouldBlock
        /// EMFILE, ENFILE, ENOBUFS or ENOMEM: no descriptor or memory is left.
        case exhausted(SystemError)
        /// The peer gave up before we came; try the next.
        case aborted
    }

    private static let backlog: Int32 = 4096
    private let descriptor: Descriptor
    /// The port in force, which the kernel chose where 0 was asked for.
    public let port: UInt16

    public var pollable: Int32 { descriptor.raw }

    private init(owning raw: Int32, port: UInt16) {
        descriptor = Descriptor(owning: raw)
        self.port = port
    }

    private static func open(
        _ address: ListenAddress, port: UInt16, flags: Int
    ) throws(SystemError) -> Listener {
        let raw = try SystemError.check(
            "bind", cl_listen(address.host, port, backlog, Int32(flags)))
        return Listener(owning: raw, port: UInt16(clamping: cl_local_port(raw)))
    }

    /// One listener for each worker, all at the same address and port. Throws EADDRINUSE where any
    /// other process listens there, EINVAL where the host is no numeric address.
    public static func acquire(
        _ address: ListenAddress, count: Int
    ) throws(SystemError) -> [Listener] {
        var port = address.port
        if port != 0 {
            // Bound without SO_REUSEPORT and closed again: fails where somebody listens.
            _ = try open(address, port: port, flags: Int(CL_NO_LISTEN))
        }
        var listeners: [Listener] = []
        for _ in 0..<count {
            let listener = try open(address, port: port, flags: Int(CL_REUSEPORT))
            port = listener.port
            listeners.append(listener)
        }
        return listeners
    }

    /// Takes one connection from the queue (accept4(2)).
    public func accept() -> Accepted {
        var peer = cl_peer()
        let raw = cl_accept(descriptor.raw, &peer)
        guard raw < 0 else {
            return .socket(raw, high: peer.high, low: peer.low, port: peer.port)
        }
        switch -raw {
        case 11: return .wouldBlock  // EAGAIN
        case 23, 24, 105, 12:  // ENFILE, EMFILE, ENOBUFS, ENOMEM
            return .exhausted(SystemError(call: "accept4", errno: -raw))
        default: return .aborted  // ECONNABORTED and the network errors of accept(2)
        }
    }
}
