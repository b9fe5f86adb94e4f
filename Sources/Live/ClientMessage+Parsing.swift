// Reads a client's message from the text of one WebSocket frame, in place (protocol.md,
// "Conventions": strict JSON, protocol keys once, unknown fields ignored).

import MizuBytes

extension ClientMessage {
    /// Reads one message. O(n); what comes out shares the bytes of `text`.
    /// - Throws: the refusal to answer with, as far as possible with the message's `ref`.
    public init(
        parsing text: ByteSlice, limits: LiveLimits = .default
    ) throws(MessageRefusal) {
        let document: JSONValue
        let fields: Fields
        do {
            // As lax as a push needs; all other types are checked again below.
            document = try JSON.parse(text, depthMax: .max, surrogates: .allow)
            fields = try Fields(document)
        } catch {
            throw MessageRefusal(
                ref: nil, topic: nil, code: .invalidRequest,
                text: "\(error.reason) at byte \(error.offset)")
        }
        var reader = FieldReader()
        ref = try reader.ref(fields.ref, limits)
        if let version = fields.version, version.int != 1 {
            throw reader.because("only version 1 is spoken here", code: .versionUnsupported)
        }
        guard let type = fields.type?.jsonString else {
            throw reader.because("type: expected a string")
        }
        if type.equals("push") {
            request = .push(try reader.push(document, fields))
            return
        }
        do {
            try document.check()
        } catch {
            throw reader.because("\(error.reason) at byte \(error.offset)")
        }
        request = try reader.request(type, fields, limits)
    }
}

/// The members of a message that the protocol names.
private struct Fields {
    private static let names: [StaticString] = [
        "type", "ref", "topic", "cursor", "epoch", "payload", "token", "scope", "client",
        "mutations", "v", "presence",
    ]

    let type, ref, topic, cursor, epoch, payload, token, scope, client, mutations: JSONValue?
    let version, presence: JSONValue?

    init(_ document: JSONValue) throws(JSONError) {
        let found = try document.members(named: Self.names)
        type = found[0]
        ref = found[1]
        topic = found[2]
        cursor = found[3]
        epoch = found[4]
        payload = found[5]
        token = found[6]
        scope = found[7]
        client = found[8]
        mutations = found[9]
        version = found[10]
        presence = found[11]
    }
}

/// That a client wants presence, and what it says of itself.
private struct PresenceWish {
    let info: JSONValue?
}

/// Reads the parts of a message, and remembers what a refusal must echo.
private struct FieldReader {
    private var ref: JSONValue?
    private var topic: ByteSlice?

    func because(
        _ text: String, code: MessageRefusal.Code = .invalidRequest
    ) -> MessageRefusal {
        MessageRefusal(ref: ref, topic: topic, code: code, text: text)
    }

    /// What is asked, for all types but push.
    mutating func request(
        _ type: JSONString, _ fields: Fields, _ limits: LiveLimits
    ) throws(MessageRefusal) -> ClientMessage.Request {
        if type.equals("subscribe") {
            let topic = try self.topic(fields.topic, limits)
            if let presence = fields.presence, !TopicName.isSync(topic),
                let wish = try wish(presence, limits)
            {
                return .join(topic: topic, info: wish.info)
            }
            let position = try position(fields.cursor, fields.epoch)
            return .subscribe(topic: topic, from: position)
        }
        if type.equals("presence") {
            return .presence(topic: try topic(fields.topic, limits))
        }
        if type.equals("unsubscribe") {
            return .unsubscribe(topic: try topic(fields.topic, limits))
        }
        if type.equals("publish") {
            let topic = try topic(fields.topic, limits)
            guard !TopicName.isSync(topic) else {
                throw because("nobody publishes to a sync topic", code: .topicDenied)
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

    /// A string or a number, short enough to be echoed and with nothing that has no UTF-8 form.
    mutating func ref(
        _ value: JSONValue?, _ limits: LiveLimits
    ) throws(MessageRefusal) -> JSONValue? {
        guard let value else { return nil }
        let isEchoable = value.kind == .number || (value.kind == .string && value.utf8 != nil)
        guard isEchoable, value.bytes.count <= limits.refBytesMax else {
            throw because(
                "ref: expected a string or a number of at most \(limits.refBytesMax) bytes")
        }
        ref = value
        return value
    }

    mutating func topic(
        _ value: JSONValue?, _ limits: LiveLimits
    ) throws(MessageRefusal) -> ByteSlice {
        guard let name = value?.utf8, TopicName.isValid(name, limits: limits) else {
            throw because("topic: expected a name of 1 to \(limits.topicBytesMax) bytes")
        }
        topic = name
        return name
    }

    /// What a client wants of presence: `true`, or an object that may have its `info`; `false` and
    /// `null` are as if nothing stood there.
    func wish(
        _ presence: JSONValue, _ limits: LiveLimits
    ) throws(MessageRefusal) -> PresenceWish? {
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

    func position(
        _ cursor: JSONValue?, _ epoch: JSONValue?
    ) throws(MessageRefusal) -> ClientMessage.Position? {
        guard let cursor else { return nil }
        guard let number = cursor.int else {
            throw because("cursor: expected a whole number from 0 to 2^53 - 1")
        }
        let name = epoch?.utf8
        if let epoch, name == nil {
            throw because("epoch: expected a string, not \(epoch.kind)")
        }
        guard number == 0 || name != nil else {
            throw because("epoch: required with a cursor above 0")
        }
        return ClientMessage.Position(cursor: number, epoch: name)
    }

    func push(
        _ envelope: JSONValue, _ fields: Fields
    ) throws(MessageRefusal) -> ClientMessage.Push {
        guard let mutations = fields.mutations, mutations.kind == .array else {
            throw because("mutations: expected an array")
        }
        return ClientMessage.Push(
            envelope: envelope, scope: fields.scope, client: fields.client, mutations: mutations)
    }
}
