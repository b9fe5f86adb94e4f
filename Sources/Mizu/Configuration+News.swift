// Where news between nodes goes, as it is set. Without `REDIS_URL` it goes by the database, if that
// is a PostgreSQL.

import MizuNews
import MizuTransport

extension Configuration {
    /// What carries news between nodes.
    public struct News: Sendable {
        /// Nil: there is none.
        var redis: RedisURL?
        /// A PEM file whose certificates vouch for it over TLS; nil: the system's store does.
        public var authorities: String?
        /// PostgreSQL itself, where a pool of connections stands before it; nil: `database` does.
        public var listenURL: String?
        /// What the names of channels begin with.
        public var prefix = "mizu"
    }
}

extension SettingSyntax where Value == RedisURL {
    static var redis: SettingSyntax {
        var url = SettingSyntax(
            "URL",
            expected: "redis://HOST, rediss://HOST, unix:PATH or "
                + "redis-sentinel://HOST,…?sentinelMasterId=NAME",
            read: { (text) throws(SettingComplaint) in
                do throws(RedisURL.Complaint) {
                    return try RedisURL(text)
                } catch {
                    throw SettingComplaint(description: error.description)
                }
            }, write: \.description)
        url.mayHoldPassword = true
        return url
    }
}

extension SettingSyntax where Value == String {
    /// A PostgreSQL.
    static var postgres: SettingSyntax {
        var url = SettingSyntax(
            "postgres://…", expected: "postgres://USER@HOST/NAME", write: { $0 }
        ) { DatabaseURL.isPostgres($0) ? $0 : nil }
        url.mayHoldPassword = true
        return url
    }

    /// What names of channels may begin with.
    static var prefix: SettingSyntax {
        SettingSyntax(
            "NAME", expected: "1 to 64 letters, digits and any of -._:", write: { $0 },
            parse: { text in
                let isFine = text.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "-"),
                        UInt8(ascii: "."), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
                return isFine && (1...64).contains(text.utf8.count) ? text : nil
            })
    }
}
