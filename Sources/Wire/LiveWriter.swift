// Writes what the server says on `/ws` as JSON text (protocol.md, "GET /ws"), appended to what a
// buffer holds. Frames around it are WebSocket's. Strings are escaped here; payloads and changes
// are JSON already and are copied as they are.

import MizuBytes
import MizuSync

public enum LiveWriter {
    /// Appends the answer to a request that was done.
    /// - Parameters:
    ///   - ref: the request's own, if it had one.
    ///   - topic: for subscribe, unsubscribe and publish.
    ///   - payload: one JSON value, such as a position or the results of a push.
    public static func ack(
        ref: JSONValue?, topic: ByteSlice? = nil, payload: ByteSlice? = nil,
        to buffer: inout ByteBuffer
    ) {
        buffer.append(#"{"type":"ack""# as StaticString)
        appendRef(ref, to: &buffer)
        appendTopic(topic, to: &buffer)
        if let payload {
            buffer.append(#","payload":"# as StaticString)
            buffer.append(payload)
        }
        buffer.append(UInt8(ascii: "}"))
    }

    /// Appends the ack of a subscribe to a scope, which is at `head`.
    public static func ack(
        ref: JSONValue?, topic: ByteSlice?, at head: ScopeHead, to buffer: inout ByteBuffer
    ) {
        buffer.append(#"{"type":"ack""# as StaticString)
        appendRef(ref, to: &buffer)
        appendTopic(topic, to: &buffer)
        appendHead(head, to: &buffer)
        buffer.append("}}" as StaticString)
    }

    /// Appends the answer to a ping; without `ref` it is a heartbeat.
    public static func pong(ref: JSONValue?, to buffer: inout ByteBuffer) {
        buffer.append(#"{"type":"pong""# as StaticString)
        appendRef(ref, to: &buffer)
        buffer.append(UInt8(ascii: "}"))
    }

    /// Appends a refusal. With a topic and without a `ref` it ends that subscription.
    /// - Parameters:
    ///   - code: one of the protocol's, for programs.
    ///   - text: for people.
    public static func error(
        ref: JSONValue?, topic: ByteSlice? = nil, code: String, text: String,
        to buffer: inout ByteBuffer
    ) {
        buffer.append(#"{"type":"error""# as StaticString)
        appendRef(ref, to: &buffer)
        appendTopic(topic, to: &buffer)
        buffer.append(#","code":"# as StaticString)
        buffer.appendJSON(string: code)
        buffer.append(#","error":"# as StaticString)
        buffer.appendJSON(string: text)
        buffer.append(UInt8(ascii: "}"))
    }

    /// Appends the answer to a message that could not be read. `topic` is left out if there is no
    /// `ref`, because then it would end a subscription.
    public static func error(_ refused: MessageRefusal, to buffer: inout ByteBuffer) {
        error(
            ref: refused.ref, topic: refused.ref == nil ? nil : refused.topic,
            code: refused.refusal.code, text: refused.refusal.message, to: &buffer)
    }

    /// Appends a poke: the topic's scope is at `head`.
    public static func poke(topic: ByteSlice, at head: ScopeHead, to buffer: inout ByteBuffer) {
        buffer.append(#"{"type":"sync""# as StaticString)
        appendTopic(topic, to: &buffer)
        appendHead(head, to: &buffer)
        buffer.append("}}" as StaticString)
    }

    /// Appends a delta.
    /// - Parameters:
    ///   - base: the changes begin after this cursor.
    ///   - end: the position to which they lead.
    ///   - changes: the changes with commas between them, cut into slices anywhere.
    public static func delta(
        topic: ByteSlice, after base: Int, to end: Position, changes: [ByteSlice],
        to buffer: inout ByteBuffer
    ) {
        // One reservation, because a delta may be a megabyte and growing would copy it again.
        buffer.reserve(changes.reduce(128 + 2 * topic.count) { $0 + $1.count })
        buffer.append(#"{"type":"delta""# as StaticString)
        appendTopic(topic, to: &buffer)
        buffer.append(#","payload":{"base":"# as StaticString)
        buffer.append(decimal: base)
        buffer.append(#","cursor":"# as StaticString)
        appendCursorAndEpoch(end, to: &buffer)
        buffer.append(#","changes":["# as StaticString)
        for slice in changes { buffer.append(slice) }
        buffer.append("]}}" as StaticString)
    }

    /// Appends what an app or a client published; `payload` is one JSON value.
    public static func message(
        topic: ByteSlice, payload: ByteSlice, to buffer: inout ByteBuffer
    ) {
        buffer.append(#"{"type":"message""# as StaticString)
        appendTopic(topic, to: &buffer)
        buffer.append(#","payload":"# as StaticString)
        buffer.append(payload)
        buffer.append(UInt8(ascii: "}"))
    }

    /// Appends the farewell: reconnect after the wait and a random part of the spread.
    public static func drain(
        retryAfterMilliseconds: Int, spreadMilliseconds: Int, to buffer: inout ByteBuffer
    ) {
        buffer.append(#"{"type":"drain","payload":{"retry_after_ms":"# as StaticString)
        buffer.append(decimal: retryAfterMilliseconds)
        buffer.append(#","spread_ms":"# as StaticString)
        buffer.append(decimal: spreadMilliseconds)
        buffer.append("}}" as StaticString)
    }

    private static func appendRef(_ ref: JSONValue?, to buffer: inout ByteBuffer) {
        guard let ref else { return }
        buffer.append(#","ref":"# as StaticString)
        buffer.append(ref.bytes)
    }

    private static func appendTopic(_ topic: ByteSlice?, to buffer: inout ByteBuffer) {
        guard let topic else { return }
        buffer.append(#","topic":"# as StaticString)
        buffer.appendJSON(string: topic)
    }

    /// Opens the payload and leaves it open.
    private static func appendHead(_ head: ScopeHead, to buffer: inout ByteBuffer) {
        buffer.append(#","payload":{"cursor":"# as StaticString)
        appendCursorAndEpoch(head.position, to: &buffer)
        guard let checksum = head.checksum else { return }
        buffer.append(#","checksum":""# as StaticString)
        buffer.append(hexadecimal: checksum.bits, digitsMin: 16)
        buffer.append(UInt8(ascii: "\""))
    }

    private static func appendCursorAndEpoch(
        _ position: Position, to buffer: inout ByteBuffer
    ) {
        buffer.append(decimal: position.cursor)
        buffer.append(#","epoch":"# as StaticString)
        buffer.appendJSON(string: ByteSlice(position.epoch.bytes))
    }
}
