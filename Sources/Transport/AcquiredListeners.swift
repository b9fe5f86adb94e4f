// What a server will listen on, opened before it serves: bound by the process, while it may still
// have the right to, or inherited from a service manager. Nobody is let in until the server starts,
// so that nothing waits in a queue while a database is opened.
//
//   bind / inherit ──► rights dropped, database opened ──► Server.start: listen, workers

import Glibc
import MizuEventLoop

/// Listeners without a server. One owner; `Server.start` takes them.
package struct AcquiredListeners {
    /// The protocol of a listener.
    package enum Role: Sendable {
        case http, https

        /// Which setting says where, unless it is known better.
        var setting: String { self == .https ? "TLS_ADDR" : "ADDR" }
    }

    package struct Entry {
        /// The address with the port in force.
        package let address: ListenAddress
        package let role: Role
        /// What `listen` names where it fails: the setting, and the path of a socket in the file
        /// system.
        package let setting: String
        let path: String?
        /// One for each worker, or a single one that all share.
        let listeners: [Listener]

        /// The scheme of its URL.
        package var scheme: String { role == .https ? "https" : "http" }
    }

    /// Plain ones first, in the order of configuration.
    package private(set) var entries: [Entry] = []

    package init() {}

    /// Binds `addresses` for that many workers; does not listen yet.
    /// - Parameter setting: what errors name; nil: the role's.
    package mutating func bind(
        _ addresses: [ListenAddress], role: Role = .http, workers: Int, setting: String? = nil
    ) throws(ListenError) {
        let setting = setting ?? role.setting
        for address in addresses {
            do throws(SystemError) {
                let own = try Listener.bind(address, count: max(1, workers))
                let port = own.first?.port ?? address.port
                add(
                    Entry(
                        address: ListenAddress(host: address.host, port: port), role: role,
                        setting: setting, path: nil, listeners: own))
            } catch {
                throw .address(address, error, setting: setting)
            }
        }
    }

    /// Binds a socket in the file system for one worker; does not listen yet.
    package mutating func bind(path: String, setting: String) throws(ListenError) {
        do throws(SystemError) {
            add(
                Entry(
                    address: ListenAddress(host: path, port: 0), role: .http, setting: setting,
                    path: path, listeners: [try Listener.bind(path: path)]))
        } catch {
            throw .path(path, error, setting: setting)
        }
    }

    /// Takes over what a service manager has opened: the ones named `https` speak TLS, all others
    /// plain HTTP.
    package mutating func inherit(_ sockets: [InheritedSocket]) throws(ListenError) {
        for socket in sockets {
            do throws(SystemError) {
                let listener = try Listener.adopt(socket.descriptor)
                add(
                    Entry(
                        address: listener.address, role: socket.name == "https" ? .https : .http,
                        setting: "LISTEN_FDS", path: nil, listeners: [listener]))
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
    package func listen() throws(ListenError) {
        for entry in entries {
            do throws(SystemError) {
                for listener in entry.listeners { try listener.listen() }
            } catch {
                if let path = entry.path { throw .path(path, error, setting: entry.setting) }
                throw .address(entry.address, error, setting: entry.setting)
            }
        }
    }

    /// The listeners of worker `index`, in the order of `entries`.
    package func listeners(of index: Int) -> [Listener] {
        entries.map { $0.listeners[min(index, $0.listeners.count - 1)] }
    }
}

/// A listening socket that was open when the process began.
public struct InheritedSocket: Sendable, Equatable {
    public let descriptor: Int32
    /// `FileDescriptorName=` of the socket unit; nil where none was given.
    public let name: String?

    public init(descriptor: Int32, name: String?) {
        self.descriptor = descriptor
        self.name = name
    }
}

/// Why a listener could not be opened, for one line to a person.
public enum ListenError: Error, CustomStringConvertible {
    /// The setting is the one that says where, by name.
    case address(ListenAddress, SystemError, setting: String)
    /// Of a socket in the file system.
    case path(String, SystemError, setting: String)
    case inherited(InheritedSocket, SystemError)

    public var description: String {
        switch self {
        case .address(let address, let error, let setting):
            switch error.errno {
            case EADDRINUSE:
                "\(address) is in use: stop what listens there, or choose another \(setting)"
            case EACCES: "\(address) needs more rights: ports below 1024 are for root"
            case EINVAL:
                "\(address) is not a numeric address: write \(setting) as 127.0.0.1:8080 or :8080"
            case EADDRNOTAVAIL: "\(address) is not an address of this machine"
            default: "cannot listen on \(address): \(error.reason)"
            }
        case .path(let path, let error, let setting):
            switch error.errno {
            case EADDRINUSE:
                "\(path) is in use: stop what listens there, or choose another \(setting)"
            case ENOTSOCK:
                "\(path) is there and is no socket: remove it, or choose another \(setting)"
            default: "cannot listen on \(path): \(error.reason)"
            }
        case .inherited(let socket, let error):
            "descriptor \(socket.descriptor) of LISTEN_FDS is not a listening TCP socket: "
                + error.reason
        }
    }
}
