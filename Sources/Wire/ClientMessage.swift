// What a client may say on `/ws`, as values (protocol.md, "GET /ws"). Reading is in
// `ClientMessage+Parsing.swift`; what to do about a message is the service's.

import MizuBytes
import MizuSync

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
        /// Asks for the members of a topic once more.
        case presence(topic: ByteSlice)
        case unsubscribe(topic: ByteSlice)
        /// The whole message is the body of a `POST /_sync/push` with two more members.
        case push(PushEnvelope)
        /// Never to a `sync:` topic.
        case publish(topic: ByteSlice, payload: JSONValue)
        case auth(token: ByteSlice)
        case ping

        /// The topic that the request names, to be named in its answer.
        public var topic: ByteSlice? {
            switch self {
            case .subscribe(let topic, _), .join(let topic, _), .presence(let topic),
                .unsubscribe(let topic), .publish(let topic, _):
                topic
            case .push, .auth, .ping: nil
            }
        }
    }

    /// A push whose content nobody has looked at.
    public struct PushEnvelope: Sendable {
        let json: JSONValue
        let reading: PushRequest.Reading

        /// Reads the push.
        /// - Throws: what `PushRequest.parse` throws.
        public func parse(limits: SyncLimits) throws(Refusal) -> PushRequest {
            try PushRequest.parse(json, reading, limits: limits)
        }
    }
}

/// Why a client's message was not understood, ready to be answered with `LiveWriter.error`.
public struct MessageRefusal: Error, Sendable {
    /// As far as they could be read.
    public let ref: JSONValue?
    public let topic: ByteSlice?
    public let refusal: Refusal
}

extension Refusal {
    /// Nobody may publish to the topic, or this user may not have it.
    public static func topicDenied(_ message: String) -> Refusal {
        Refusal(status: 403, code: "topic_denied", message: message)
    }
}
