// Where operators and their machines ask, apart from everybody else: an address of this machine, a
// socket in the file system, or, with a token, an address that others reach. Values.

import MizuBytes
import MizuTransport

/// The address of the admin listener.
public enum AdminAddress: Sendable, Equatable, CustomStringConvertible {
    case network(ListenAddress)
    /// A path; its user and group may connect.
    case unix(String)

    init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // sun_path takes 108 bytes with the zero at its end (unix(7)).
            guard (1...107).contains(path.utf8.count), !path.utf8.contains(0) else { return nil }
            self = .unix(path)
        } else {
            guard let address = ListenAddress(text) else { return nil }
            self = .network(address)
        }
    }

    /// Whether only who is on this machine reaches it.
    public var isPrivate: Bool {
        switch self {
        case .network(let address): address.isLoopback
        case .unix: true
        }
    }

    public var description: String {
        switch self {
        case .network(let address): address.description
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// What who asks the admin listener must know. It has no description, so that no log shows it.
public struct AdminToken: Sendable {
    private let digest: [UInt8]

    /// Characters at least: 16 random ones of base64 hold 96 bits.
    public static let textCountMin = 16

    /// Nil for a text that is too short, or that cannot stand in a field.
    public init?(_ text: String) {
        guard text.utf8.count >= Self.textCountMin,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        digest = Self.digest(of: Array(text.utf8))
    }

    /// Whether `authorization` brings the token, as a bearer. How long that takes says nothing of
    /// where a wrong one differs: digests are compared, and always all of their bytes.
    func admits(_ authorization: String?) -> Bool {
        guard let authorization, authorization.utf8.count <= 4_096,
            authorization.prefix(7).lowercased() == "bearer "
        else { return false }
        let given = Self.digest(of: Array(authorization.utf8.dropFirst(7)))
        var difference: UInt8 = 0
        for (one, other) in zip(given, digest) { difference |= one ^ other }
        return difference == 0
    }

    private static func digest(of bytes: [UInt8]) -> [UInt8] { SHA256.digest(bytes).bytes }
}

extension SettingSyntax where Value == AdminAddress {
    static var adminAddress: SettingSyntax {
        SettingSyntax(
            "HOST:PORT|unix:PATH", expected: "an address, as 127.0.0.1:9180 or unix:PATH",
            write: \.description, parse: { AdminAddress($0) })
    }
}

extension SettingSyntax where Value == AdminToken {
    static var adminToken: SettingSyntax {
        SettingSyntax(
            "TOKEN", expected: "at least \(AdminToken.textCountMin) characters without spaces",
            // Nobody is shown it.
            write: { _ in "" }, parse: { AdminToken($0) })
    }
}
