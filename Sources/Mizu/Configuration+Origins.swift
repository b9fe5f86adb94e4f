// The settings of who may talk to the server: the names that it answers to, the origins whose pages
// may read and write, and where its https is seen from outside. Rows of the one table in
// Configuration.swift.

import MizuHTTP

extension Configuration {
    /// Whom the server answers as.
    public enum Hosts: Sendable, Equatable {
        /// Nobody has said: what nobody else can own (`HostPolicy.init(machine:)`).
        case own
        /// These alone.
        case named([String])
        /// Whatever `Host` says, at the price that pages of any site can reach it (DNS rebinding).
        case any

        /// The first whole name, for requests that name none.
        var first: String? {
            guard case .named(let names) = self else { return nil }
            return names.first { !$0.hasPrefix("*") }
        }
    }

    /// What pages of other origins may do.
    public struct AllowedOrigins: Sendable, Equatable {
        public var origins: [String] = []
        /// `*`: all may read what is public.
        public var isPublic = false

        public init() {}
    }

    static let originSettings: [Setting] = [
        Setting(
            name: "HOSTS", fallback: "addresses, localhost, this machine, certificates",
            help: "The names the server answers to, with commas, *.NAME for all below one; others "
                + "get 421; any: every Host"
        ) { configuration, text in
            if text == "any" || text == "*" {
                configuration.hosts = .any
                return nil
            }
            // A slip here must neither open the server to every name nor close it to all.
            let hosts = text.split(separator: ",", omittingEmptySubsequences: false)
            guard hosts.allSatisfy({ HostPolicy.isHost(String($0)) }) else {
                return "write host names with commas and no spaces, as example.org,10.0.0.1:8080"
            }
            configuration.hosts = .named(hosts.map(String.init))
            return nil
        },
        Setting(
            name: "ALLOWED_ORIGINS", fallback: "none",
            help: "Origins whose pages may read and write, cookies included, with commas; *: every "
                + "page may read what is public, without cookies"
        ) { configuration, text in
            var allowed = AllowedOrigins()
            let origins = text.split(separator: ",", omittingEmptySubsequences: false)
            for origin in origins where text != "none" {
                if origin == "*" {
                    allowed.isPublic = true
                } else if CrossOrigin.isOrigin(String(origin)) {
                    allowed.origins.append(String(origin))
                } else {
                    return "write origins with commas and no spaces, as https://app.example, or *"
                }
            }
            guard allowed.origins.count <= 1_000 else { return "write at most 1000 origins" }
            configuration.allowedOrigins = allowed
            return nil
        },
        Setting(
            name: "HTTPS_PORT", fallback: "the listener's",
            help: "The port of https as it is seen from outside, for the redirect to it"
        ) { configuration, text in
            guard let port = UInt16(text), port > 0 else { return "write a port from 1 to 65535" }
            configuration.publicPort.httpsPort = port
            return nil
        },
    ]
}
