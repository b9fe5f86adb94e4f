// Writes the messages of presence as JSON text (live.md, "Presence"). Entries of members are JSON
// already and are copied as they are.

import MizuBytes
import MizuTopics

extension LiveWriter {
    /// Appends who is here as a payload, for the `ack` of who asked and for a message.
    /// - Parameter me: the id as which the receiver is shown; nil where it is not.
    public static func presencePayload(
        _ list: PresenceList, me: ByteSlice?, to buffer: inout ByteBuffer
    ) {
        buffer.append(UInt8(ascii: "{"))
        if let members = list.members {
            buffer.append(#""members":["# as StaticString)
            buffer.append(members)
            buffer.append("]," as StaticString)
        }
        buffer.append(#""count":"# as StaticString)
        buffer.append(decimal: list.count)
        if let me {
            buffer.append(#","me":"# as StaticString)
            buffer.appendJSON(string: me)
        }
        buffer.append(UInt8(ascii: "}"))
    }

    /// Appends a whole list that nobody asked for: what was told before is void.
    public static func presence(
        topic: ByteSlice, _ list: PresenceList, me: ByteSlice?, to buffer: inout ByteBuffer
    ) {
        openPresence(topic, to: &buffer)
        presencePayload(list, me: me, to: &buffer)
        buffer.append(UInt8(ascii: "}"))
    }

    /// Appends what has changed.
    public static func presence(_ news: PresenceNews, to buffer: inout ByteBuffer) {
        openPresence(news.topic, to: &buffer)
        switch news.content {
        case .changes(let joined, let left):
            buffer.append(#"{"joined":["# as StaticString)
            for (index, json) in joined.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.append(json)
            }
            buffer.append(#"],"left":["# as StaticString)
            for (index, id) in left.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.appendJSON(string: id)
            }
            buffer.append("]," as StaticString)
        case .countAlone: buffer.append(UInt8(ascii: "{"))
        case .members(let all):
            buffer.append(#"{"members":["# as StaticString)
            buffer.append(all)
            buffer.append("]," as StaticString)
        }
        buffer.append(#""count":"# as StaticString)
        buffer.append(decimal: news.count)
        buffer.append("}}" as StaticString)
    }

    /// Appends that the receiver is told no more of who is here, while its subscription stands.
    public static func presenceEnded(topic: ByteSlice, to buffer: inout ByteBuffer) {
        openPresence(topic, to: &buffer)
        buffer.append(#"{"ended":true}}"# as StaticString)
    }

    private static func openPresence(_ topic: ByteSlice, to buffer: inout ByteBuffer) {
        buffer.append(#"{"type":"presence","topic":"# as StaticString)
        buffer.appendJSON(string: topic)
        buffer.append(#","payload":"# as StaticString)
    }
}
