// Reads a client's message from the text of one WebSocket frame, in place (protocol.md,
// "Conventions": strict JSON, protocol keys once, unknown fields ignored). The text is scanned
// once; only where a push may be wrong in its parts it is scanned again, and leniently. What a
// message has in common with a request over HTTP (version, position, push) is read by Sync.

import MizuBytes
import MizuSync

extension ClientMessage {
    /// Reads one message. O(n); what comes out shares the bytes of `text`.
    /// - Parameter nestingMax: containers in each other (`SyncLimits.nestingMax`).
    /// - Throws: the refusal to answer with, as far as possible with the message's `ref`.
    public init(
        parsing text: ByteSlice, limits: LiveLimits = .default, nestingMax: Int = 64
    ) throws(MessageRefusal) {
        let scanned: ScannedJSON
        let fields: Fields
        do {
            scanned = try ScannedJSON(text, nestingMax: nestingMax)
            fields = try Fields(scanned.json)
        } catch {
            throw MessageRefusal(ref: nil, topic: nil, refusal: .invalidRequest("\(error)"))
        }
        var reader = FieldReader(limits: limits)
        ref = try reader.ref(fields.ref)
        try reader.echoing { () throws(Refusal) in try SyncEnvelope.check(version: fields.version) }
        guard let type = fields.type?.jsonString else {
            throw reader.because("type: expected a string")
        }
        if type.equals("push") {
            request = .push(PushEnvelope(json: scanned.json, reading: scanned.reading))
            return
        }
        // What is wrong inside one mutation is answered in its place; here it is a bad message.
        if let fault = scanned.fault { throw reader.because("\(fault)") }
        request = try reader.request(type, fields)
    }
}

/// The members of a message that the protocol names, without those that only a push has.
private struct Fields {
    private static let names: [StaticString] = [
        "type", "ref", "topic", "cursor", "epoch", "payload", "token", "v", "presence",
        "scope", "client", "mutations",
    ]

    let type, ref, topic, cursor, epoch, payload, token, version, presence: JSONValue?

    init(_ document: JSONValue) throws(JSONError) {
        // The last three are found as well, so that one that stands twice is refused.
        let found = try document.members(named: Self.names)
        type = found[0]
        ref = found[1]
        topic = found[2]
        cursor = found[3]
        epoch = found[4]
        payload = found[5]
        token = found[6]
        version = found[7]
        presence = found[8]
    }
}

/// That a client wants presence, and what it says of itself.
private struct PresenceWish {
    let info: JSONValue?
}

/// Reads the parts of a message, and remembers what a refusal must echo.
private struct FieldReader {
    private let limits: LiveLimits
    private var ref: JSONValue?
    private var topic: ByteSlice?

    init(limits: LiveLimits) { self.limits = limits }

    func because(_ text: String) -> MessageRefusal { because(.invalidRequest(text)) }

    func because(_ refusal: Refusal) -> MessageRefusal {
        MessageRefusal(ref: ref, topic: topic, refusal: refusal)
    }

    /// Reads what Sync reads; its refusals get what they must echo.
    func echoing<R>(_ read: () throws(Refusal) -> R) throws(MessageRefusal) -> R {
        do throws(Refusal) { return try read() } catch { throw because(error) }
    }

    /// What is asked, for all types but push.
    mutating func request(
        _ type: JSONString, _ fields: Fields
    ) throws(MessageRefusal) -> ClientMessage.Request {
        if type.equals("subscribe") { return try subscribe(fields) }
        if type.equals("presence") { return .presence(topic: try topic(fields.topic)) }
        if type.equals("unsubscribe") { return .unsubscribe(topic: try topic(fields.topic)) }
        if type.equals("publish") {
            let topic = try topic(fields.topic)
            guard !TopicName.isSync(topic) else {
                throw because(.topicDenied("nobody publishes to a sync topic"))
            }
            guard let payload = fields.payload else { throw because("payload: expected a value") }
            return .publish(topic: topic, payload: payload)
        }
        if type.equals("auth") {
            guard let token = fields.token?.utf8, token.count <= limits.tokenBytesMax else {
                throw because("token: expected a string of at most \(limits.tokenBytesMax) bytes")
            }
            return .auth(token: token)
        }
        guard type.equals("ping") else { throw because("unknown type") }
        return .ping
    }

    private mutating func subscribe(
        _ fields: Fields
    ) throws(MessageRefusal) -> ClientMessage.Request {
        let topic = try topic(fields.topic)
        if let presence = fields.presence, !TopicName.isSync(topic),
            let wish = try wish(presence)
        {
            return .join(topic: topic, info: wish.info)
        }
        let position = try echoing { () throws(Refusal) in
            try Position.read(cursor: fields.cursor, epoch: fields.epoch)
        }
        return .subscribe(topic: topic, from: position)
    }

    /// A string or a number, short enough to be echoed and with nothing that has no UTF-8 form.
    mutating func ref(_ value: JSONValue?) throws(MessageRefusal) -> JSONValue? {
        guard let value else { return nil }
        let isEchoable = value.kind == .number || (value.kind == .string && value.utf8 != nil)
        guard isEchoable, value.bytes.count <= limits.refBytesMax else {
            throw because(
                "ref: expected a string or a number of at most \(limits.refBytesMax) bytes")
        }
        ref = value
        return value
    }

    private mutating func topic(_ value: JSONValue?) throws(MessageRefusal) -> ByteSlice {
        guard let name = value?.utf8, TopicName.isValid(name, limits: limits) else {
            throw because("topic: expected a name of 1 to \(limits.topicBytesMax) bytes")
        }
        topic = name
        return name
    }

    /// What a client wants of presence: `true`, or an object that may have its `info`; `false` and
    /// `null` count as nothing.
    private func wish(_ presence: JSONValue) throws(MessageRefusal) -> PresenceWish? {
        switch presence.kind {
        case .false, .null: return nil
        case .true: return PresenceWish(info: nil)
        case .string, .number, .array: throw because("presence: expected true or an object")
        case .object: break
        }
        let info: JSONValue?
        do {
            info = try presence.members(named: ["info"])[0]
        } catch {
            throw because("presence: \(error.reason)")
        }
        guard info.map(limits.presence.allows) ?? true else {
            throw because(
                """
                presence.info: expected at most \(limits.presence.infoBytesMax) bytes and \
                \(limits.presence.infoDepthMax) containers in each other
                """)
        }
        return PresenceWish(info: info)
    }
}
