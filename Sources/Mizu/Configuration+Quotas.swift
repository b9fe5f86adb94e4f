// The settings of how much a scope, a user and an address may keep, and of the space that must be
// left on the disk. Rows of the one table in Configuration.swift; meaning and defaults are
// `SyncQuotas`'.

import MizuSync

/// What strangers may fill.
public struct Space: Sendable {
    public var quotas = SyncQuotas()
    /// `SyncLimits.diskFreeBytesMin`.
    public var diskFreeBytesMin = SyncLimits().diskFreeBytesMin
    /// `SyncLimits.logBytesMin`.
    public var retainedBytes = SyncLimits().logBytesMin

    public init() {}

    func apply(to limits: inout SyncLimits) {
        limits.quotas = quotas
        limits.diskFreeBytesMin = diskFreeBytesMin
        limits.logBytesMin = retainedBytes
    }
}

extension Configuration {
    static let quotaSettings: [Setting] = [
        Setting(
            name: "RETAIN_BYTES", fallback: "8M",
            help: "Bytes of a scope's changes kept for pulls, or four times its records"
        ) { configuration, text in
            guard let bytes = parseBytes(text), bytes > 0 else { return bytesExpected }
            configuration.space.retainedBytes = bytes
            return nil
        },
        number("QUOTA_SCOPE_RECORDS", "1000000", "Records of one scope", \.scopeRecords),
        bytes("QUOTA_SCOPE_BYTES", "512M", "Bytes of one scope's records", \.scopeBytes),
        number("QUOTA_USER_SCOPES", "1000", "Scopes that one user may make", \.userScopes),
        bytes("QUOTA_USER_BYTES", "512M", "Bytes of the records in them", \.userBytes),
        number(
            "QUOTA_ADDRESS_SCOPES", "200",
            "Scopes that one address (IPv6: a /64) may make where nobody is signed in",
            \.addressScopes),
        bytes("QUOTA_ADDRESS_BYTES", "256M", "Bytes of the records in them", \.addressBytes),
        Setting(
            name: "DISK_FREE_MIN", fallback: "256M",
            help: "Space left on the database's disk below which writes are refused; by itself a "
                + "twentieth of a disk below 5G; off"
        ) { configuration, text in
            guard let bytes = text == "off" ? 0 : parseBytes(text) else {
                return bytesExpected + ", or off"
            }
            configuration.space.diskFreeBytesMin = bytes
            return nil
        },
    ]

    private static let bytesExpected = "write bytes, as 1048576, 512K, 64M or 2G"

    private static func number(
        _ name: String, _ fallback: String, _ help: String,
        _ path: WritableKeyPath<SyncQuotas, Int?> & Sendable
    ) -> Setting {
        Setting(name: name, fallback: fallback, help: help + "; off: any number") {
            configuration, text in
            guard text != "off" else {
                configuration.space.quotas[keyPath: path] = nil
                return nil
            }
            guard let count = Int(text), (1...1_000_000_000).contains(count) else {
                return "write a number from 1 to 1000000000, or off"
            }
            configuration.space.quotas[keyPath: path] = count
            return nil
        }
    }

    private static func bytes(
        _ name: String, _ fallback: String, _ help: String,
        _ path: WritableKeyPath<SyncQuotas, Int?> & Sendable
    ) -> Setting {
        Setting(name: name, fallback: fallback, help: help + "; off: as many as there is room") {
            configuration, text in
            guard text != "off" else {
                configuration.space.quotas[keyPath: path] = nil
                return nil
            }
            guard let bytes = parseBytes(text), bytes > 0 else {
                return bytesExpected + ", or off"
            }
            configuration.space.quotas[keyPath: path] = bytes
            return nil
        }
    }

    /// A whole number, with K, M or G behind it for powers of 1024; at most 1024 G.
    /// - Parameter bare: the power of two that a number without a letter counts: 0 bytes, 20 MiB.
    static func parseBytes(_ text: String, bare: Int = 0) -> Int? {
        var digits = Substring(text)
        var shift = bare
        for (letter, bits) in [("K", 10), ("M", 20), ("G", 30)]
        where text.hasSuffix(letter) || text.hasSuffix(letter.lowercased()) {
            digits = digits.dropLast()
            shift = bits
        }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let number = Int(digits), number <= (1 << 40) >> shift
        else { return nil }
        return number << shift
    }
}
