// A connection's parameters, as libpq reads them from a URL. What libpq says of a URL that it
// cannot read may hold a part of the password, so it is not repeated.

import CPostgres
import MizuSync

/// One parameter of libpq.
struct ConnectionParameter: Sendable {
    let keyword: String
    let value: String

    /// Bounds for what a network can do to us, where the URL says nothing else. Times in seconds,
    /// the last one in milliseconds: what is sent again after a cut goes out later each time, and
    /// after 10 s a new connection is sooner there than the next try of the old one.
    private static let defaults = [
        ("connect_timeout", "5"), ("keepalives_idle", "5"), ("keepalives_interval", "2"),
        ("keepalives_count", "3"), ("tcp_user_timeout", "10000"), ("application_name", "mizu"),
    ]

    /// - Parameters:
    ///   - setting: where the URL is from.
    ///   - preferred: which of several hosts, where the URL does not say.
    /// - Throws: a line for people, without anything of the URL.
    static func parse(
        _ url: String, of setting: String = "DATABASE_URL",
        preferring preferred: String = "read-write"
    ) throws(StoreError) -> [ConnectionParameter] {
        let refusal = StoreError(
            .unavailable,
            "\(setting) cannot be read: use postgres://USER:PASSWORD@HOST:PORT/NAME, and "
                + "percent-encode what is special in a password")
        // An @ that is not encoded would make a part of the password a host's name.
        guard !url.utf8.contains(0), url.utf8.count(where: { $0 == UInt8(ascii: "@") }) <= 1,
            isUserInfoInAuthority(url)
        else { throw refusal }
        var message: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(url, &message)
        PQfreemem(message)
        guard let options else { throw refusal }
        defer { PQconninfoFree(options) }
        var found: [ConnectionParameter] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                found.append(
                    ConnectionParameter(
                        keyword: String(cString: keyword), value: String(cString: value)))
            }
            option += 1
        }
        for (keyword, value) in defaults where !found.contains(where: { $0.keyword == keyword }) {
            found.append(ConnectionParameter(keyword: keyword, value: value))
        }
        // Of several hosts the one that is meant, unless the URL asks for something else.
        if !found.contains(where: { $0.keyword == "target_session_attrs" }),
            found.contains(where: { $0.keyword.hasPrefix("host") && $0.value.contains(",") })
        {
            found.append(
                ConnectionParameter(keyword: "target_session_attrs", value: preferred))
        }
        return found
    }

    /// Whether no @ stands behind the first / of what follows the scheme.
    private static func isUserInfoInAuthority(_ url: String) -> Bool {
        let bytes = Array(url.utf8)
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
        else { return true }
        let slash = bytes[min(bytes.count, colon + 3)...].firstIndex(of: UInt8(ascii: "/"))
        return slash.map { at < $0 } ?? true
    }

    /// The same for each host of a list by itself, in their order; one where there is no list.
    static func eachHost(of parameters: [ConnectionParameter]) -> [[ConnectionParameter]] {
        func parts(_ parameter: ConnectionParameter) -> [Substring]? {
            guard ["host", "hostaddr", "port"].contains(parameter.keyword) else { return nil }
            return parameter.value.split(separator: ",", omittingEmptySubsequences: false)
        }
        let count = parameters.filter { $0.keyword != "port" }.compactMap { parts($0)?.count }.max()
        return (0..<(count ?? 1)).map { index in
            parameters.map { parameter in
                guard let parts = parts(parameter), let last = parts.last else { return parameter }
                // One port may be that of all.
                return ConnectionParameter(
                    keyword: parameter.keyword,
                    value: String(index < parts.count ? parts[index] : last))
            }
        }
    }

    /// The number that a parameter says; nil where there is none that PostgreSQL takes.
    static func number(_ keyword: String, of all: [ConnectionParameter]) -> Int? {
        guard let value = all.first(where: { $0.keyword == keyword })?.value,
            let number = Int(value), (0...Int(Int32.max)).contains(number)
        else { return nil }
        return number
    }

    /// As another part of a node is to be known by: `application_name` with a word behind it.
    static func named(_ part: String, _ all: [ConnectionParameter]) -> [ConnectionParameter] {
        all.map { parameter in
            guard parameter.keyword == "application_name" else { return parameter }
            return ConnectionParameter(
                keyword: parameter.keyword, value: "\(parameter.value) \(part)")
        }
    }

    /// For people: nothing of user and password.
    static func place(of parameters: [ConnectionParameter]) -> String {
        func value(_ keyword: String) -> String? {
            parameters.first { $0.keyword == keyword }?.value
        }
        let host = value("host") ?? value("hostaddr") ?? "a local socket"
        let port = value("port").map { " port \($0)" } ?? ""
        let name = value("dbname").map { " database \($0)" } ?? ""
        return "PostgreSQL at \(host)\(port)\(name)"
    }
}

/// How long a silent peer is believed, as both kernels are told (tcp(7)): ours by libpq, and the
/// server's by the session. Else the server would keep the process of a node whose machine or way
/// is gone for hours, with its place among `max_connections`. 0 is a kernel's own patience.
struct Patience {
    let idleSeconds: Int
    let intervalSeconds: Int
    let count: Int
    /// For what was sent and is not acknowledged.
    let milliseconds: Int

    init(_ parameters: [ConnectionParameter]) {
        func number(_ keyword: String) -> Int {
            ConnectionParameter.number(keyword, of: parameters) ?? 0
        }
        let isOff = ConnectionParameter.number("keepalives", of: parameters) == 0
        idleSeconds = isOff ? 0 : number("keepalives_idle")
        intervalSeconds = isOff ? 0 : number("keepalives_interval")
        count = isOff ? 0 : number("keepalives_count")
        milliseconds = number("tcp_user_timeout")
    }

    private static let set = Statement(
        "m_peer",
        """
        SELECT set_config('tcp_keepalives_idle', $1::int8::text, false),
            set_config('tcp_keepalives_interval', $2::int8::text, false),
            set_config('tcp_keepalives_count', $3::int8::text, false),
            set_config('tcp_user_timeout', $4::int8::text, false)
        """)

    /// For a session of the server itself.
    var query: Query {
        Query(Self.set).with(idleSeconds).with(intervalSeconds).with(count).with(milliseconds)
    }
}
