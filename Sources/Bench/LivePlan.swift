// How a server is subscribed to and published to: the words of Mizu's protocol, those of
// echo-server, or others given as templates. Texts in, templates out.

import MizuBytes

/// What is said to subscribe and publish, and what must be delivered.
struct LivePlan: Sendable {
    /// The message that subscribes; with its topic filled in.
    let subscribe: ByteSlice
    /// What an acknowledgement contains.
    let acknowledgement: ByteSlice
    let publish: Publish
    let expected: Expectation
    let pace: Pace

    enum Publish: Sendable {
        /// The head of a POST with the length of `body`, which every request has.
        case request(head: ByteSlice, body: MessageTemplate)
        /// A request whose body is a push of one mutation.
        case push(head: ByteSlice, before: ByteSlice, ChangeCheck, after: ByteSlice)
        /// A text message.
        case message(MessageTemplate)

        var isRequest: Bool {
            if case .message = self { return false }
            return true
        }
    }

    enum Expectation: Sendable {
        /// Exactly this text.
        case message(MessageTemplate)
        /// Deltas of a sync topic; asks for them from where the scope stands.
        case deltas(ChangeCheck, topic: String)
    }

    enum Pace: Sendable {
        /// A publication waits until only this many before it are under way.
        case window(Int)
        /// So many a second.
        case rate(Double)
    }
}

extension LiveBench {
    /// What was given, with the rest as the protocol has it.
    func plan(run: String) throws(BenchFailure) -> LivePlan {
        let topic = topic ?? (dialect == .mizu ? "sync:bench-\(run)" : "bench-\(run)")
        let names = [("topic", topic), ("run", run)]
        let isSync = dialect == .mizu && topic.hasPrefix("sync:") && publish == nil
        guard !isSync || (message == nil && delivery == nil) else {
            throw .usage(
                "a sync topic takes mutations: --message and --delivery are for other topics")
        }
        let standard =
            dialect == .mizu
            ? #"{"type":"subscribe","ref":"1","topic":"{topic}"}"#
            : #"{"type":"subscribe","topic":"{topic}"}"#
        let subscribe = try MessageTemplate.fill(subscribe ?? standard, names)
        let acknowledgement = acknowledgement ?? (dialect == .mizu ? #""type":"ack""# : #""ack""#)
        let (publish, expected) = isSync ? try syncPlan(topic, run) : try messagePlan(names)
        return LivePlan(
            subscribe: ByteSlice(subscribe), acknowledgement: ByteSlice(acknowledgement),
            publish: publish, expected: expected,
            pace: rate.map { .rate($0) } ?? .window(window))
    }

    private func syncPlan(
        _ topic: String, _ run: String
    ) throws(BenchFailure) -> (LivePlan.Publish, LivePlan.Expectation) {
        let scope = String(topic.dropFirst("sync:".count))
        let check = try ChangeCheck(
            name: mutation, id: "{run}-{seq}", arguments: arguments, run: run, size: size)
        var before = ByteBuffer(capacity: 256)
        before.append(#"{"scope":"# as StaticString)
        before.appendJSON(string: scope)
        before.append(#","client":"# as StaticString)
        before.appendJSON(string: "bench-" + run)
        before.append(#","mutations":["# as StaticString)
        let start = before.finish()
        let end = ByteSlice(literal: "]}")
        var sample = ByteBuffer(capacity: 1024)
        check.appendMutation(sequence: 0, connection: 0, to: &sample)
        let head = Self.head(
            "/_sync/push", bytes: start.count + sample.count + end.count,
            mediaType: "application/json", settings: settings)
        return (.push(head: head, before: start, check, after: end), .deltas(check, topic: topic))
    }

    private func messagePlan(
        _ names: [(name: String, value: String)]
    ) throws(BenchFailure) -> (LivePlan.Publish, LivePlan.Expectation) {
        let isMizu = dialect == .mizu
        let message = message ?? #"{"run":"{run}","seq":"{seq}","pad":"{pad}"}"#
        let wrapped = names + [("message", message)]
        let publish =
            publish
            ?? (isMizu
                ? #"{"type":"publish","ref":"{seq}","topic":"{topic}","payload":{message}}"#
                : "POST /publish?topic={topic}")
        let delivery =
            delivery
            ?? (isMizu ? #"{"type":"message","topic":"{topic}","payload":{message}}"# : "{message}")
        // The size is that of the message, however it is wrapped: the padding is the same in both.
        let body = try MessageTemplate(message, names: names, size: size)
        func template(_ text: String) throws(BenchFailure) -> MessageTemplate {
            let filled = try MessageTemplate.fill(try MessageTemplate.fill(text, wrapped), names)
            let bare = try MessageTemplate(filled, size: 0)
            let plain = try MessageTemplate(message, names: names, size: 0)
            return try MessageTemplate(filled, size: bare.count + body.count - plain.count)
        }
        let arriving = try template(delivery)
        guard arriving.isNumbered else {
            throw .usage("the message that is published needs {seq}, or deliveries are all alike")
        }
        guard publish.hasPrefix("POST ") else {
            return (.message(try template(publish)), .message(arriving))
        }
        let target = try MessageTemplate.fill(
            String(publish.dropFirst(5)), names.map { ($0.name, Self.escaped($0.value)) })
        let head = Self.head(
            target, bytes: body.count, mediaType: nil, settings: settings)
        return (.request(head: head, body: body), .message(arriving))
    }

    private static func head(
        _ target: String, bytes: Int, mediaType: String?, settings: BenchSettings
    ) -> ByteSlice {
        let whole = RequestText.make(
            method: "POST", target: target, settings,
            body: [UInt8](repeating: 0x30, count: bytes), mediaType: mediaType)
        return whole[0..<whole.count - bytes]
    }

    /// What may stand in a query goes as it is, all else with % (RFC 3986 §2.1).
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            if ASCII.isDigit(byte) || ASCII.isLetter(byte) || ":-._~".utf8.contains(byte) {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return escaped
    }
}
