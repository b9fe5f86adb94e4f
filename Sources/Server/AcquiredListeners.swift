// What a server will listen on, had before it serves: bound by itself, while it may still have the
// right to, or inherited from a service manager. Nobody is let in until the server starts, so that
// nothing waits in a queue while a database is opened.
//
//   bind / inherit ──► rights dropped, database opened ──► Server.start: listen, workers

import MizuEventLoop
import MizuTransport

/// Listeners without a server. One owner; `Server.start` takes them.
public struct AcquiredListeners {
    /// What is spoken to those who connect.
    public enum Role: Sendable { case http, https }

    public struct Entry {
        /// The address with the port in force.
        public let address: ListenAddress
        public let role: Role
        /// One for each worker, or a single one that all share.
        let listeners: [Listener]

        /// Of its URL.
        public var scheme: String { role == .https ? "https" : "http" }
    }

    /// Plain ones first, in the order of configuration.
    public private(set) var entries: [Entry] = []

    public init() {}

    /// Binds `addresses` for that many workers; does not listen yet.
    public mutating func bind(
        _ addresses: [ListenAddress], role: Role = .http, workers: Int
    ) throws(ServerStartError) {
        for address in addresses {
            do throws(SystemError) {
                let own = try Listener.bind(address, count: max(1, workers))
                let port = own.first?.port ?? address.port
                add(
                    Entry(
                        address: ListenAddress(host: address.host, port: port), role: role,
                        listeners: own))
            } catch {
                throw .address(address, error)
            }
        }
    }

    /// Takes over what a service manager has opened: the ones named `https` speak TLS, all others
    /// plain HTTP.
    public mutating func inherit(_ sockets: [InheritedSocket]) throws(ServerStartError) {
        for socket in sockets {
            do throws(SystemError) {
                let listener = try Listener.adopt(socket.descriptor)
                add(
                    Entry(
                        address: listener.address, role: socket.name == "https" ? .https : .http,
                        listeners: [listener]))
            } catch {
                throw .inherited(socket, error)
            }
        }
    }

    private mutating func add(_ entry: Entry) {
        let place = entry.role == .http ? entries.firstIndex { $0.role == .https } : nil
        entries.insert(entry, at: place ?? entries.count)
    }

    /// Lets clients in.
    func listen() throws(ServerStartError) {
        for entry in entries {
            do throws(SystemError) {
                for listener in entry.listeners { try listener.listen() }
            } catch {
                throw .address(entry.address, error)
            }
        }
    }

    /// The listeners of worker `index`, in the order of `entries`.
    func listeners(of index: Int) -> [Listener] {
        entries.map { $0.listeners[min(index, $0.listeners.count - 1)] }
    }
}
