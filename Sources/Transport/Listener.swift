// A listening socket and how it is acquired. Each worker has its own, bound with SO_REUSEPORT, so
// the kernel spreads connections; before that the address is tried once without it, because a
// second process could otherwise join in and take half of the traffic without an error.
// One that another process has opened for us (a service manager) is shared by all workers instead.

import CLinux
import Glibc
import MizuEventLoop

/// A socket that accepts (listen(2)), of TCP or in the file system. Any thread; in use it belongs
/// to one worker, or, where it `isShared`, to several, each of which watches it with
/// `Poller.registerShared`.
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
    /// Inherited: one descriptor for all workers.
    public let isShared: Bool

    public var pollable: Int32 { descriptor.raw }

    private init(owning raw: Int32, isShared: Bool = false) {
        descriptor = Descriptor(owning: raw)
        port = UInt16(clamping: cl_local_port(raw))
        self.isShared = isShared
    }

    private static func open(
        _ address: ListenAddress, port: UInt16, flags: Int
    ) throws(SystemError) -> Listener {
        let raw = try SystemError.check(
            "bind", cl_listen(address.host, port, backlog, Int32(flags)))
        return Listener(owning: raw)
    }

    /// One bound socket for each worker, all at the same address and port; clients are refused
    /// until `listen`. Throws EADDRINUSE where any other process listens there, EINVAL where the
    /// host is no numeric address.
    public static func bind(
        _ address: ListenAddress, count: Int
    ) throws(SystemError) -> [Listener] {
        var port = address.port
        if port != 0 {
            // Bound without SO_REUSEPORT and closed again: fails where somebody listens.
            _ = try open(address, port: port, flags: Int(CL_NO_LISTEN))
        }
        var listeners: [Listener] = []
        for _ in 0..<count {
            let listener = try open(
                address, port: port, flags: Int(CL_REUSEPORT) | Int(CL_NO_LISTEN))
            port = listener.port
            listeners.append(listener)
        }
        return listeners
    }

    /// A socket at `path` in the file system, for one worker; clients are refused until `listen`.
    /// Its user and group may connect. A socket that nobody listens at any more gives way. Throws
    /// EADDRINUSE where somebody does, ENOTSOCK where something else is there.
    public static func bind(path: String) throws(SystemError) -> Listener {
        Listener(owning: try SystemError.check("bind", cl_listen_stream(path)))
    }

    /// What `bind` gives, listening.
    public static func acquire(
        _ address: ListenAddress, count: Int
    ) throws(SystemError) -> [Listener] {
        let listeners = try bind(address, count: count)
        for listener in listeners { try listener.listen() }
        return listeners
    }

    /// Takes over the listening socket `raw`, which another process has opened; it is made
    /// non-blocking and is not passed on to children. Throws ENOTSOCK, EINVAL where it does not
    /// listen, EAFNOSUPPORT where it is not TCP.
    public static func adopt(_ raw: Int32) throws(SystemError) -> Listener {
        try SystemError.check("listener", cl_adopt_listener(raw))
        return Listener(owning: raw, isShared: true)
    }

    /// The numeric address and the port that it is bound to.
    public var address: ListenAddress {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let base = text.baseAddress,
                cl_local_address(descriptor.raw, base, text.count) == 0
            else { return ListenAddress(host: "", port: port) }
            return ListenAddress(host: String(cString: base), port: port)
        }
    }

    /// From now on clients are let into the queue (listen(2)). One that was inherited listens
    /// already, with the queue that its opener chose.
    public func listen() throws(SystemError) {
        guard !isShared else { return }
        try SystemError.check("listen", cl_start_listening(descriptor.raw, Self.backlog))
    }

    /// Takes one connection from the queue (accept4(2)).
    public func accept() -> Accepted {
        var peer = cl_peer()
        let raw = cl_accept(descriptor.raw, &peer)
        guard raw < 0 else {
            return .socket(raw, high: peer.high, low: peer.low, port: peer.port)
        }
        switch -raw {
        case EAGAIN: return .wouldBlock
        // It is closed or listens no more: no client comes here any more.
        case EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP: return .wouldBlock
        case ENFILE, EMFILE, ENOBUFS, ENOMEM:
            return .exhausted(SystemError(call: "accept4", errno: -raw))
        // ECONNABORTED and the network errors of accept(2).
        default: return .aborted
        }
    }
}
