// What a client may say on `/ws`, as values (protocol.md, "GET /ws"). Reading is in
// `ClientMessage+Parsing.swift`; what to do about it is the owner's.

import MizuBytes

/// One request of a client.
public struct ClientMessage: Sendable {
    /// To be echoed in the answer, as it stood in the text: a JSON string or number. Nil if the
    /// client gave none.
    public let ref: JSONValue?
    public let request: Request

    public enum Request: Sendable {
        /// With a position: deltas from there; without: pokes.
        case subscribe(topic: ByteSlice, from: Position?)
        /// Subscribe to an app's topic, with presence. `info` is what the client says of itself.
        case join(topic: ByteSlice, info: JSONValue?)
        /// Who is here, once more.
        case presence(topic: ByteSlice)
        case unsubscribe(topic: ByteSlice)
        case push(Push)
        /// Never to a `sync:` topic.
        case publish(topic: ByteSlice, payload: JSONValue)
        case auth(token: ByteSlice)
        case ping
    }

    /// Where a client stands in a scope's log.
    public struct Position: Equatable, Sendable {
        public let cursor: Int
        /// Required with a cursor above 0.
        public let epoch: ByteSlice?

        public init(cursor: Int, epoch: ByteSlice?) {
            self.cursor = cursor
            self.epoch = epoch
        }
    }

    /// A push as it came. Only its envelope's form is checked: that `mutations` is an array. Depth
    /// and lone surrogates are not, because what is wrong inside one mutation is answered in its
    /// place; whoever takes the push must check.
    public struct Push: Sendable {
        /// The whole message, which is a body of `POST /_sync/push` with two more members.
        public let envelope: JSONValue
        public let scope: JSONValue?
        public let client: JSONValue?
        public let mutations: JSONValue
    }
}

/// Why a client's message was not understood, ready to be answered with `LiveWriter.error`.
public struct MessageRefusal: Error, Sendable {
    /// As far as they could be read.
    public let ref: JSONValue?
    public let topic: ByteSlice?
    public let code: Code
    /// For people.
    public let text: String

    public enum Code: String, Sendable {
        case invalidRequest = "invalid_request"
        case versionUnsupported = "version_unsupported"
        case topicDenied = "topic_denied"
    }
}
