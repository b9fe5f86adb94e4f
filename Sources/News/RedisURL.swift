// Where Redis is, as a person writes it. It resolves no names and opens nothing. Its description
// and its complaints hold no password.
//
//   redis://[[USER]:PASSWORD@]HOST[:6379][/DB]         rediss:// the same over TLS
//   unix:PATH[?db=DB]   unix://[[USER]:PASSWORD@]PATH[?db=DB]
//   redis-sentinel://[[USER]:PASSWORD@]HOST[:26379][,HOST…][/DB]?sentinelMasterId=NAME
//       the form of Lettuce and fred, with `#NAME` for the name, too; rediss-sentinel:// over TLS;
//       `sentinelUsername` and `sentinelPassword` are for the Sentinels themselves

import MizuBytes

package struct RedisURL: Sendable, Equatable, CustomStringConvertible {
    package struct Host: Sendable, Equatable, CustomStringConvertible {
        /// A name or a numeric address, without brackets.
        package let name: String
        package let port: UInt16

        package var description: String {
            name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
        }

        package init(_ name: String, _ port: UInt16) {
            self.name = name
            self.port = port
        }
    }

    package enum Place: Sendable, Equatable {
        case host(Host)
        /// A socket in the file system.
        case socket(String)
        /// Sentinels that know which Redis is the master of that name.
        case sentinels([Host], master: String)
    }

    /// Who signs in.
    package struct Credentials: Sendable, Equatable {
        package let user: String
        package let password: String
    }

    package private(set) var place: Place
    package private(set) var credentials: Credentials?
    package private(set) var sentinelCredentials: Credentials?
    package private(set) var database = 0
    package private(set) var isSecure = false

    /// What is wrong with a text; never a part of it, which may be the password.
    package struct Complaint: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    package init(_ text: String) throws(Complaint) {
        guard let colon = text.firstIndex(of: ":") else { throw Self.unknownForm }
        var rest = text[text.index(after: colon)...]
        let scheme = text[..<colon].lowercased()
        var options: [(name: String, value: String)] = []
        var fragment: String?
        if let hash = rest.firstIndex(of: "#") {
            fragment = try Self.decode(rest[rest.index(after: hash)...], "the part behind #")
            rest = rest[..<hash]
        }
        if let mark = rest.firstIndex(of: "?") {
            options = try Self.options(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        let hasAuthority = rest.hasPrefix("//")
        if hasAuthority { rest = rest.dropFirst(2) }
        guard hasAuthority || scheme == "unix" else { throw Self.unknownForm }
        // Of the first part alone: a path may hold an @.
        let authority = rest.prefix { $0 != "/" }
        if hasAuthority, let at = authority.lastIndex(of: "@") {
            credentials = try Self.credentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        switch scheme {
        case "redis", "rediss":
            isSecure = scheme == "rediss"
            place = .host(try Self.host(Self.cutDatabase(&rest, into: &database), port: 6379))
        case "unix":
            let path = try Self.decode(rest, "the path")
            guard path.hasPrefix("/") else {
                throw Complaint(description: "the path of a unix socket begins with /")
            }
            guard path.utf8.count <= Self.pathBytesMax else {
                throw Complaint(
                    description:
                        "the path of a unix socket has at most \(Self.pathBytesMax) bytes")
            }
            place = .socket(path)
        case "redis-sentinel", "rediss-sentinel":
            isSecure = scheme == "rediss-sentinel"
            var hosts: [Host] = []
            for part in try Self.cutDatabase(&rest, into: &database)
                .split(separator: ",", omittingEmptySubsequences: false)
            { hosts.append(try Self.host(part, port: 26379)) }
            place = .sentinels(hosts, master: fragment ?? "")
            fragment = nil
        default: throw Self.unknownForm
        }
        guard fragment == nil else {
            throw Complaint(
                description: "nothing stands behind # but the name of a Sentinel's master")
        }
        for option in options { try take(option.name, option.value) }
        if case .sentinels(_, let master) = place, master.isEmpty {
            throw Complaint(
                description: "say which master the Sentinels know: ?sentinelMasterId=NAME")
        }
    }

    /// Bytes of a path that sockaddr_un takes (unix(7)).
    private static let pathBytesMax = 107

    private static let unknownForm = Complaint(
        description:
            "write redis://HOST, rediss://HOST, unix:PATH or "
            + "redis-sentinel://HOST,HOST?sentinelMasterId=NAME")

    private mutating func take(_ name: String, _ value: String) throws(Complaint) {
        switch (name, place) {
        case ("db", .socket): database = try Self.database(value[...])
        case ("sentinelMasterId", .sentinels(let hosts, _)),
            ("sentinelServiceName", .sentinels(let hosts, _)):
            place = .sentinels(hosts, master: value)
        case ("sentinelUsername", .sentinels):
            sentinelCredentials = Credentials(
                user: value, password: sentinelCredentials?.password ?? "")
        case ("sentinelPassword", .sentinels):
            sentinelCredentials = Credentials(
                user: sentinelCredentials?.user ?? "default", password: value)
        default:
            // By a name alone that we know how to write: the text may hold a password.
            throw Complaint(description: "the part behind ? holds an option that is not known")
        }
    }

    // MARK: Parts

    private static func options(
        _ text: Substring
    ) throws(Complaint) -> [(name: String, value: String)] {
        var all: [(name: String, value: String)] = []
        for pair in text.split(separator: "&") {
            let parts = pair.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Complaint(description: "the part behind ? has the form NAME=VALUE")
            }
            all.append(
                (
                    try decode(parts[0], "the part behind ?"),
                    try decode(parts[1], "the part behind ?")
                )
            )
        }
        return all
    }

    private static func credentials(_ text: Substring) throws(Complaint) -> Credentials {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let user = try decode(parts[0], "the user")
        // `redis://word@host`: a password alone, as redis-cli and Lettuce read it.
        guard parts.count == 2 else { return Credentials(user: "default", password: user) }
        return Credentials(
            user: user.isEmpty ? "default" : user, password: try decode(parts[1], "the password"))
    }

    /// The part before `/DB`.
    private static func cutDatabase(
        _ text: inout Substring, into number: inout Int
    ) throws(Complaint) -> Substring {
        guard let slash = text.firstIndex(of: "/") else { return text }
        let after = text[text.index(after: slash)...]
        if !after.isEmpty { number = try database(after) }
        return text[..<slash]
    }

    private static func database(_ text: Substring) throws(Complaint) -> Int {
        guard let number = ASCII.decimal(text), (0...65_535).contains(number) else {
            throw Complaint(description: "the number of the database is 0 to 65535")
        }
        return number
    }

    private static func host(_ text: Substring, port: UInt16) throws(Complaint) -> Host {
        var name = text
        var number = port
        let bracket = text.lastIndex(of: "]")
        if let colon = text.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
            guard let value = ASCII.decimal(text[text.index(after: colon)...]),
                let port = UInt16(exactly: value), port > 0
            else { throw Complaint(description: "a port is 1 to 65535") }
            number = port
            name = text[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") {
            name = name.dropFirst().dropLast()
            guard name.contains(":") else {
                throw Complaint(description: "brackets are for IPv6 addresses")
            }
        } else if name.contains(where: { ":[]".contains($0) }) {
            throw Complaint(description: "an IPv6 address stands in brackets")
        }
        guard !name.isEmpty, name.utf8.count <= 253,
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw Complaint(description: "a host has a name or a numeric address") }
        return Host(String(name), number)
    }

    private static func decode(_ text: Substring, _ what: String) throws(Complaint) -> String {
        guard let bytes = PercentCoding.decode(Array(text.utf8)), !bytes.contains(0),
            let decoded = String(validating: bytes, as: UTF8.self)
        else {
            throw Complaint(
                description: "\(what) is not percent-encoded UTF-8 (write %25 for a percent sign)")
        }
        return decoded
    }

    /// Where it is, without who signs in.
    package var description: String {
        let secure = isSecure ? "s" : ""
        let number = database == 0 ? "" : "/\(database)"
        return switch place {
        case .host(let host): "redis\(secure)://\(host)\(number)"
        case .socket(let path): "unix:\(path)" + (database == 0 ? "" : "?db=\(database)")
        case .sentinels(let hosts, let master):
            "redis\(secure)-sentinel://\(hosts.map(\.description).joined(separator: ","))"
                + "\(number)?sentinelMasterId=\(master)"
        }
    }
}
