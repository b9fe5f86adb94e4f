// TLS as it is set: where to listen, which certificates, or one that is made here for development;
// and which of these settings do not go together.

import MizuTransport

extension Configuration {
    /// The certificates, and where to listen with them.
    public struct TLS: Sendable {
        /// Where to listen with TLS; nil: port 8443 of the hosts of `ADDR`.
        public var addresses: [ListenAddress]?
        /// The files of certificates, keys and OCSP responses.
        public var files = TLSFiles(certificates: [])
        /// Whether a certificate for localhost is made and kept beside the database.
        public var isSelfSigned = false

        /// Whether a certificate is there or will be made.
        public var isOn: Bool { isSelfSigned || !files.certificates.isEmpty }

        /// Returns where to listen with TLS; empty if it is off. By default the hosts are those of
        /// `plain`, so that TLS opens the server to nobody else.
        public func addressesInForce(beside plain: [ListenAddress]) -> [ListenAddress] {
            guard isOn else { return [] }
            if let addresses { return addresses }
            var hosts: [String] = []
            for address in plain where !hosts.contains(address.host) { hosts.append(address.host) }
            return hosts.map { ListenAddress(host: $0, port: 8443) }
        }

        /// Which settings contradict each other, in one line; nil: none do.
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
}

extension SettingSyntax where Value == [ListenAddress] {
    static var addresses: SettingSyntax {
        list(
            of: "addresses, as 127.0.0.1:8080, :8080 or [::1]:8080", as: "HOST:PORT",
            write: { $0.map(\.description).joined(separator: ",") },
            complaint: { _ in "is not host:port, :port or [ipv6]:port with a port of 0 to 65535" }
        ) { ListenAddress($0) }
    }
}
