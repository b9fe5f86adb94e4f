// The small values that presence gives and takes: who is shown how, who is connected, what is to be
// told. Entries are JSON from the start, written once and shared by every list and message.

import MizuBytes

/// A connection as the owner of a topic knows it: a token alone names a socket of one worker only.
public struct PresenceConnection: Hashable, Sendable {
    public let worker: Int
    public let token: Token

    public init(worker: Int, token: Token) {
        self.worker = worker
        self.token = token
    }
}

/// A member as everybody sees it.
public struct PresenceEntry: Equatable, Sendable {
    /// The member's id in UTF-8, never empty; connections with the same one are one member.
    public let id: ByteSlice
    /// `{"id":"…","info":…}`, the latter if there is one.
    public let json: ByteSlice
    /// Where in `json` the `info` begins; 0 if there is none.
    private let infoStart: Int

    /// - Parameter info: one JSON value; left out beyond `infoBytesMax`, `infoDepthMax`.
    /// - Returns: nil where the id is empty or longer than `idBytesMax`.
    public init?(id: ByteSlice, info: JSONValue?, limits: PresenceLimits) {
        guard id.count >= 1, id.count <= limits.idBytesMax else { return nil }
        var text = ByteBuffer(capacity: id.count + (info?.bytes.count ?? 0) + 24)
        text.append(#"{"id":"# as StaticString)
        text.appendJSON(string: id)
        if let info, limits.allows(info) {
            text.append(#","info":"# as StaticString)
            infoStart = text.count
            text.append(info.bytes)
        } else {
            infoStart = 0
        }
        text.append(UInt8(ascii: "}"))
        self.id = id.compacted
        json = text.finish()
    }

    /// What is shown of the member beside its id; nil if there is nothing.
    public var info: JSONValue? {
        infoStart == 0 ? nil : JSONValue(validated: json[infoStart..<json.count - 1])
    }
}

/// Who is here, as the last message of the topic has left it: all that is later comes in the next.
public struct PresenceList: Sendable {
    /// The number of that message; later ones have higher numbers.
    public let version: Int
    /// The members as JSON with commas between them, in the order in which they came; nil where
    /// they are too many to name.
    public var members: ByteSlice?
    public let count: Int
}

/// What became of a connection that enters a topic.
public struct PresenceEntrance: Sendable {
    public let list: PresenceList
    /// Whether it is shown as the member that it wanted to be.
    public let isShown: Bool
}

/// One message of a topic to all who watch it.
public struct PresenceNews: Sendable {
    public let topic: ByteSlice
    /// The version that it continues: who was told less than that has missed something.
    public let base: Int
    public let version: Int
    public let content: Content
    /// Members when all of it is applied.
    public let count: Int

    public enum Content: Sendable {
        /// Entries of who came or is shown otherwise than before; ids of who left.
        case changes(joined: [ByteSlice], left: [ByteSlice])
        /// They are too many to name.
        case countAlone
        /// They are few enough again: all of them, with commas between.
        case members(ByteSlice)
    }
}
