// One conversation with Redis, or with a Sentinel, once bytes can be sent: who we are, and then
// messages. A value that knows no socket and no clock: a reply goes in, an event comes out. What
// Redis refuses is said in words of our own, because it repeats the arguments of a command that it
// does not know, and one of them is the password.
//
//   news:      HELLO 3 [AUTH] [SELECT] ──► greeting ──► ready ──► messages, PONG, confirmations
//   Sentinel:  [AUTH] GET-MASTER-ADDR-BY-NAME ──► greeting ──► master, and the conversation is over

import MizuBytes

package struct RedisSession: Sendable {
    package enum Purpose: Sendable {
        /// To publish and to subscribe.
        /// - Parameter mustBeMaster: a Sentinel sent us; it may have been wrong for a moment.
        case news(name: String, database: Int, mustBeMaster: Bool)
        /// To ask a Sentinel where the master of that name is.
        case sentinel(master: String)
    }

    package enum Event: Equatable, Sendable {
        case nothing
        /// The greeting is over: commands may be sent.
        case ready
        /// A Sentinel's answer.
        case master(RedisURL.Host)
        case message(channel: ByteSlice, payload: ByteSlice)
        /// From now on messages of that channel come.
        case subscribed(ByteSlice)
        /// A command was refused, of which the conversation does not end.
        case complaint(String)
        /// The conversation cannot go on; why, in words for a person.
        case refused(String)
    }

    private enum Awaited { case hello, auth, select, address }

    private let purpose: Purpose
    private let credentials: RedisURL.Credentials?
    /// Replies of the greeting that have not come.
    private var awaited: [Awaited] = []

    package init(_ purpose: Purpose, as credentials: RedisURL.Credentials?) {
        self.purpose = purpose
        self.credentials = credentials
    }

    package var isReady: Bool { awaited.isEmpty }

    /// Writes the greeting.
    package mutating func begin(to out: inout ByteBuffer) {
        switch purpose {
        case .news(let name, let database, _):
            var hello = ["HELLO", "3"]
            if let credentials { hello += ["AUTH", credentials.user, credentials.password] }
            RESPCommand.append(command: hello + ["SETNAME", name], to: &out)
            awaited = [.hello]
            guard database != 0 else { return }
            RESPCommand.append(command: ["SELECT", String(database)], to: &out)
            awaited.append(.select)
        case .sentinel(let master):
            awaited = [.address]
            if let credentials {
                RESPCommand.append(
                    command: credentials.user == "default"
                        ? ["AUTH", credentials.password]
                        : ["AUTH", credentials.user, credentials.password], to: &out)
                awaited = [.auth, .address]
            }
            RESPCommand.append(
                command: ["SENTINEL", "get-master-addr-by-name", master], to: &out)
        }
    }

    /// Takes what Redis said.
    /// - Parameter bytes: those in which the value's texts stand.
    package mutating func take(_ value: RESPValue, in bytes: UnsafeRawBufferPointer) -> Event {
        if case .push(let parts) = value { return take(push: parts, in: bytes) }
        guard let next = awaited.first else {
            // Numbers answer PUBLISH, a text PING.
            guard case .error(let words) = value else { return .nothing }
            return .complaint(Self.code(bytes, words))
        }
        if case .error(let words) = value { return .refused(refusal(of: next, bytes, words)) }
        awaited.removeFirst()
        switch next {
        case .hello:
            if let problem = problem(with: value, in: bytes) { return .refused(problem) }
        case .auth, .select: break
        case .address: return master(value, in: bytes)
        }
        return awaited.isEmpty ? .ready : .nothing
    }

    // MARK: The greeting

    /// What is wrong with the answer to HELLO; nil if nothing is.
    private func problem(with value: RESPValue, in bytes: UnsafeRawBufferPointer) -> String? {
        guard case .map(let fields) = value else { return "it does not answer as Redis does" }
        guard case .news(_, _, mustBeMaster: true) = purpose else { return nil }
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            guard let name = fields[index].bytes(in: bytes), ASCII.equal(name, "role"),
                let role = fields[index + 1].bytes(in: bytes)
            else { continue }
            return ASCII.equal(role, "master") ? nil : "the Sentinel's master is none any more"
        }
        return "it does not say whether it is a master"
    }

    private func master(_ value: RESPValue, in bytes: UnsafeRawBufferPointer) -> Event {
        guard case .list(let parts) = value else {
            return .refused("the Sentinel knows no master of that name")
        }
        guard parts.count == 2, let name = parts[0].bytes(in: bytes), !name.isEmpty,
            name.count <= 253, name.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            let text = parts[1].bytes(in: bytes), let number = ASCII.decimal(text),
            let port = UInt16(exactly: number), port > 0
        else { return .refused("the Sentinel's answer is no address") }
        return .master(RedisURL.Host(String(decoding: name, as: UTF8.self), port))
    }

    private func refusal(
        of awaited: Awaited, _ bytes: UnsafeRawBufferPointer, _ words: Range<Int>
    ) -> String {
        switch (Self.code(bytes, words), awaited) {
        case ("WRONGPASS", _): "it refuses the user or the password"
        case ("NOAUTH", _): "it wants a password"
        case ("NOPERM", _): "its user may not do that (ACL)"
        case ("LOADING", _): "it loads its data"
        case ("NOPROTO", _): "it does not speak RESP3: Redis 6 or later is needed"
        case (_, .select): "it has no such database"
        case ("ERR", .hello) where credentials != nil:
            "it does not take HELLO 3 with a user and a password: Redis 6 or later is needed"
        case ("ERR", .hello): "it does not know HELLO 3: Redis 6 or later is needed"
        case ("ERR", .auth): "it takes no password"
        case (let code, _): "it answers \(code)"
        }
    }

    /// The first word of an error: capitals that say which it is.
    private static func code(_ bytes: UnsafeRawBufferPointer, _ words: Range<Int>) -> String {
        guard words.upperBound <= bytes.count else { return "an error" }
        let code = bytes[words].prefix(24).prefix {
            $0 &- UInt8(ascii: "A") < 26 || $0 == UInt8(ascii: "_")
        }
        return code.isEmpty ? "an error" : String(decoding: code, as: UTF8.self)
    }

    // MARK: Messages

    private func take(push parts: [RESPValue], in bytes: UnsafeRawBufferPointer) -> Event {
        guard parts.count == 3, let kind = parts[0].bytes(in: bytes),
            let channel = parts[1].bytes(in: bytes)
        else { return .nothing }
        if ASCII.equal(kind, "message"), let payload = parts[2].bytes(in: bytes) {
            return .message(
                channel: ByteSlice(copying: channel), payload: ByteSlice(copying: payload))
        }
        if ASCII.equal(kind, "subscribe") { return .subscribed(ByteSlice(copying: channel)) }
        return .nothing
    }
}
