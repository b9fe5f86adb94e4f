// What the command line of echo-server says. Parsed by hand: ArgumentParser would be half of the
// binary.

import CLinux
import MizuTransport

struct Options {
    /// Where to listen without TLS; nil if only a TLS address is given.
    var address: ListenAddress?
    /// Where to listen with TLS.
    var tlsAddress: ListenAddress?
    var tlsCertificate: String?
    var tlsKey: String?
    var workers = Int(cl_cpu_count())
    var wantsHelp = false

    static let usage = """
        usage: echo-server [--addr HOST:PORT] [--workers N]
                           [--tls-addr HOST:PORT --tls-cert FILE [--tls-key FILE]]

          --addr      where to listen without TLS (default, if no address is given: 127.0.0.1:9000)
          --tls-addr  where to listen with TLS
          --tls-cert  PEM file with the certificate and its chain; commas between several
          --tls-key   PEM file with the private key, if the certificate's file has none
          --workers   event loops, each with its own thread (default: one for each CPU)

        """

    /// The certificates' files; several with commas, keys in the same order.
    var tlsFiles: TLSFiles? {
        guard let tlsCertificate else { return nil }
        func paths(_ text: String) -> [String] {
            text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return TLSFiles(certificates: paths(tlsCertificate), keys: tlsKey.map(paths) ?? [])
    }

    /// - Throws: what is wrong, for one line to a person.
    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments.dropFirst()
        while let flag = rest.popFirst() {
            if flag == "--help" || flag == "-h" {
                wantsHelp = true
                return
            }
            let parts = flag.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, Self.names.contains(name) else {
                throw UsageError(text: "unknown argument \(flag)")
            }
            guard let value = parts.count > 1 ? parts[1] : rest.popFirst(), !value.isEmpty else {
                throw UsageError(text: "\(name) needs a value")
            }
            try set(name, to: value)
        }
        try check()
    }

    private static let names = ["--addr", "--tls-addr", "--tls-cert", "--tls-key", "--workers"]

    private mutating func set(_ name: String, to value: String) throws(UsageError) {
        switch name {
        case "--tls-cert": tlsCertificate = value
        case "--tls-key": tlsKey = value
        case "--workers":
            guard let count = Int(value), (1...1024) ~= count else {
                throw UsageError(text: "\(name) cannot be \(value): write a number from 1 to 1024")
            }
            workers = count
        default:
            guard let parsed = ListenAddress(value) else {
                throw UsageError(text: "\(name) cannot be \(value): write HOST:PORT or :PORT")
            }
            if name == "--addr" { address = parsed } else { tlsAddress = parsed }
        }
    }

    private mutating func check() throws(UsageError) {
        if tlsAddress != nil, tlsCertificate == nil {
            throw UsageError(text: "--tls-addr needs --tls-cert")
        }
        if tlsAddress == nil, tlsCertificate != nil || tlsKey != nil {
            throw UsageError(text: "--tls-cert needs --tls-addr")
        }
        if address == nil, tlsAddress == nil {
            address = ListenAddress(host: "127.0.0.1", port: 9000)
        }
    }
}

struct UsageError: Error {
    let text: String
}
