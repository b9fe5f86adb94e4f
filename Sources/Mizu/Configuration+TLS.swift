// The settings of TLS: where to listen, which certificates, or one that is made here for
// development.

import MizuTransport

extension Configuration {
    /// What the TLS settings say.
    public struct TLS: Sendable {
        /// Nil: port 8443 of the hosts of `ADDR`, once there is a certificate.
        public var addresses: [ListenAddress]?
        public var files = TLSFiles(certificates: [])
        /// A certificate for localhost is made and kept beside the database.
        public var isSelfSigned = false

        /// Whether there is, or will be, a certificate.
        public var isOn: Bool { isSelfSigned || !files.certificates.isEmpty }

        /// Where to listen with TLS; empty where it is off. By default whoever may come by `plain`
        /// may come by TLS, and nobody else.
        public func addressesInForce(beside plain: [ListenAddress]) -> [ListenAddress] {
            guard isOn else { return [] }
            if let addresses { return addresses }
            var hosts: [String] = []
            for address in plain where !hosts.contains(address.host) { hosts.append(address.host) }
            return hosts.map { ListenAddress(host: $0, port: 8443) }
        }

        /// What of the settings does not go together, in one line.
        var complaint: String? {
            if isSelfSigned, !files.certificates.isEmpty {
                return "TLS_CERT and TLS_SELF_SIGNED are both set: choose one"
            }
            guard files.certificates.isEmpty else { return nil }
            if !files.keys.isEmpty { return "TLS_KEY is set and TLS_CERT is not" }
            if !files.responses.isEmpty { return "TLS_OCSP is set and TLS_CERT is not" }
            if !isSelfSigned, addresses != nil { return "TLS_ADDR is set and TLS_CERT is not" }
            return nil
        }
    }

    static let tlsSettings: [Setting] = [
        Setting(
            name: "TLS_ADDR", fallback: "port 8443 of ADDR's hosts",
            help: "Where to listen with TLS, as ADDR; means nothing without a certificate"
        ) { configuration, text in
            guard let addresses = parseAddresses(text) else { return addressesExpected }
            configuration.tls.addresses = addresses
            return nil
        },
        Setting(
            name: "TLS_CERT", fallback: "none",
            help: "PEM files with a certificate and its chain, with commas, or a directory of them"
        ) { configuration, text in
            guard let paths = parsePaths(text) else { return pathsExpected }
            configuration.tls.files.certificates = paths
            return nil
        },
        Setting(
            name: "TLS_KEY", fallback: "in TLS_CERT",
            help: "PEM files with the private keys, in the order of TLS_CERT"
        ) { configuration, text in
            guard let paths = parsePaths(text) else { return pathsExpected }
            configuration.tls.files.keys = paths
            return nil
        },
        Setting(
            name: "TLS_OCSP", fallback: "none",
            help: "DER files with OCSP responses to staple, in the order of TLS_CERT"
        ) { configuration, text in
            configuration.tls.files.responses =
                text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return nil
        },
        Setting(
            name: "TLS_SELF_SIGNED", fallback: "false",
            help: "true: make a certificate for localhost beside the database, for development"
        ) { configuration, text in
            guard let flag = parseFlag(text) else { return "write true or false" }
            configuration.tls.isSelfSigned = flag
            return nil
        },
    ]

    private static let pathsExpected = "write paths with commas between them"

    private static func parsePaths(_ text: String) -> [String]? {
        let paths = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return paths.allSatisfy { !$0.isEmpty && !$0.utf8.contains(0) } ? paths : nil
    }
}
