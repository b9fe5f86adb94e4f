// Who may talk to the server: the names that it answers to, and the origins whose pages may read
// and write. The values, and how they are written in HOSTS and ALLOWED_ORIGINS.

import MizuHTTP

extension Configuration {
    /// The names that the server answers to.
    public enum Hosts: Sendable, Equatable {
        /// HOSTS is not set: the names that nobody else can own (`HostPolicy.init(machine:)`).
        case own
        /// These alone.
        case named([String])
        /// Every `Host`. The price: pages of any site can reach the server (DNS rebinding).
        case any

        /// The first whole name, for requests that name none.
        var first: String? {
            guard case .named(let names) = self else { return nil }
            return names.first { !$0.hasPrefix("*") }
        }
    }

    /// What pages of other origins may do.
    public struct AllowedOrigins: Sendable, Equatable {
        /// Their pages may read and write, cookies included: `https://app.example`.
        public var origins: [String] = []
        /// `*`: every page may read what is public.
        public var isPublic = false

        static let countMax = 1_000

        public init() {}
    }
}

extension SettingSyntax where Value == Configuration.Hosts {
    // A slip here must neither open the server to every name nor close it to all.
    static var hosts: SettingSyntax {
        let names = SettingSyntax<[String]>.list(
            of: "host names, as example.org,10.0.0.1:8080", as: "NAME",
            write: { $0.joined(separator: ",") }, complaint: fault
        ) { HostPolicy.isHost($0) && !hasEmptyLabel($0) ? $0 : nil }
        let named = SettingSyntax(
            names.placeholder, expected: names.expected,
            read: { (text) throws(SettingComplaint) in
                text == "*" ? Configuration.Hosts.any : .named(try names.read(text))
            }, write: { if case .named(let list) = $0 { names.write(list) } else { "" } })
        return .either("any", as: .any, or: named)
    }

    /// RFC 3986 lets such a name stand in `Host`, but nobody can own it (RFC 1035 §2.3.1).
    private static func hasEmptyLabel(_ name: String) -> Bool {
        name.hasPrefix(".") || name.contains("..")
    }

    private static func fault(_ name: String) -> String {
        if name.contains("://") { return "is a URL: its host alone is needed" }
        if name.contains(" ") { return "has a space" }
        if hasEmptyLabel(name) { return "has an empty label" }
        if name.dropFirst().contains("*") { return "has a * that is not its first label" }
        return "is not a host name, with or without a port"
    }
}

extension SettingSyntax where Value == Configuration.AllowedOrigins {
    static var origins: SettingSyntax {
        let list = SettingSyntax<[String]>.list(
            of: "origins, as https://app.example, or *", as: "ORIGIN",
            write: { $0.joined(separator: ",") },
            complaint: { _ in "is not an origin: scheme://host or scheme://host:port" }
        ) { $0 == "*" || CrossOrigin.isOrigin($0) ? $0 : nil }
        let origins = SettingSyntax(
            list.placeholder + "|*", expected: list.expected,
            read: { (text) throws(SettingComplaint) in
                let parts = try list.read(text)
                var allowed = Configuration.AllowedOrigins()
                allowed.isPublic = parts.contains("*")
                allowed.origins = parts.filter { $0 != "*" }
                guard allowed.origins.count <= Configuration.AllowedOrigins.countMax else {
                    throw SettingComplaint(
                        description: "these are \(allowed.origins.count) origins; write at most "
                            + "\(Configuration.AllowedOrigins.countMax)")
                }
                return allowed
            }, write: { list.write($0.origins + ($0.isPublic ? ["*"] : [])) })
        return .either("none", as: Configuration.AllowedOrigins(), or: origins)
    }
}
