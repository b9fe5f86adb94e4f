// News by a carrier of pub/sub (MizuNews): Redis, or PostgreSQL's NOTIFY. A subject is a channel:
// its name is the prefix, so that two apps can share a Redis, a letter and the subject's own name.
// The carrier keeps none of it.
//
//   mizu:n   what concerns every node        mizu:s:SCOPE   commits
//   mizu:t:TOPIC   an app's messages         mizu:p:TOPIC   who is present
//
// A carrier may be meant for small messages: then a commit is told as its position alone. Any
// thread. What comes is decoded and handed on by the carrier's thread; what this node has said
// itself may come back, too, and is passed over.

import Logging
import MizuBytes
import MizuEventLoop
import MizuNews
import MizuSync
import Synchronization

package final class PubSubNews: ClusterNews {
    package struct Settings: Sendable {
        /// For people: `redis`, `notify`.
        package var name: String
        /// What all channels' names begin with.
        package var prefix = "mizu"
        /// Whether commits go with their changes.
        package var carriesChanges = true

        package init(name: String) { self.name = name }
    }

    package let node: NodeID
    package var name: String { settings.name }
    private let settings: Settings
    private let pubSub: any PubSub
    private let channels: ChannelNames
    private let receiver: Receiver

    /// How long `stop` waits for the thread.
    private static let stopMilliseconds: UInt64 = 1_000

    /// - Parameter make: makes the carrier, which hands on what comes to what it is given.
    /// - Throws: what `make` does.
    package init(
        _ settings: Settings, node: NodeID = .random(),
        _ make: (@escaping @Sendable (PubSubEvent) -> Void) throws -> any PubSub
    ) rethrows {
        self.node = node
        self.settings = settings
        let channels = ChannelNames(prefix: settings.prefix)
        let receiver = Receiver()
        self.channels = channels
        self.receiver = receiver
        pubSub = try make { event in receiver.take(event, channels, node) }
    }

    package func start(
        _ receive: @escaping @Sendable (NewsEvent) -> Void
    ) throws(SystemError) {
        receiver.begin(receive)
        follow(.nodes)
        try pubSub.start()
    }

    package func publish(_ message: NewsMessage) {
        guard pubSub.isConnected else { return pubSub.dropped() }
        var message = message
        if !settings.carriesChanges, case .commit(let changes) = message {
            message = .position(changes.scope, changes.headWithSum)
        }
        var isLatest = false
        if case .position = message { isLatest = true }
        pubSub.publish(
            NewsCoding.encode(message, from: node), to: channels.channel(of: message.subject),
            isLatest: isLatest)
    }

    package func follow(_ subject: NewsSubject) {
        pubSub.subscribe(to: channels.channel(of: subject))
    }

    package func unfollow(_ subject: NewsSubject) {
        pubSub.unsubscribe(from: channels.channel(of: subject))
    }

    package func stop() {
        publish(.goodbye)
        _ = pubSub.stop(withinMilliseconds: Self.stopMilliseconds)
    }

    package var isConnected: Bool { pubSub.isConnected }

    package var figures: [String: Int] {
        let statistics = pubSub.statistics
        return [
            "connected": statistics.isConnected ? 1 : 0,
            "connections": statistics.connections,
            "published_messages": statistics.publishedMessages,
            "published_bytes": statistics.publishedBytes,
            "dropped_messages": statistics.droppedMessages,
            "received_messages": statistics.receivedMessages,
            "received_bytes": statistics.receivedBytes,
            "malformed_messages": receiver.malformedCount,
            "passed_over_messages": receiver.passedOverCount,
            "channels": statistics.channels,
        ]
    }

    /// Hands on what comes, once somebody wants it.
    private final class Receiver: Sendable {
        private let receive = FunctionSlot<NewsEvent, Void>()
        private let malformed = Atomic<Int>(0)
        private let passedOver = Atomic<Int>(0)

        var malformedCount: Int { malformed.load(ordering: .relaxed) }
        /// Messages that a newer version may understand.
        var passedOverCount: Int { passedOver.load(ordering: .relaxed) }

        func begin(_ receive: @escaping @Sendable (NewsEvent) -> Void) {
            self.receive.set(receive)
        }

        func take(_ event: PubSubEvent, _ channels: ChannelNames, _ node: NodeID) {
            guard let receive = receive.function else { return }
            switch event {
            case .connected: receive(.connected)
            case .disconnected: receive(.disconnected)
            case .subscribed(let channel):
                if let subject = channels.subject(of: channel) { receive(.following(subject)) }
            case .message(let channel, let payload):
                // A message on another subject's channel is nobody's of ours.
                guard let (message, sender) = NewsCoding.decode(payload),
                    channels.channel(of: message.subject) == channel
                else {
                    if NewsCoding.isOfNewerVersion(payload) {
                        passedOver.add(1, ordering: .relaxed)
                    } else {
                        malformed.add(1, ordering: .relaxed)
                    }
                    return
                }
                if sender != node { receive(.message(message, from: sender)) }
            }
        }
    }
}

/// Subjects as names of channels, and back.
struct ChannelNames: Sendable {
    private let prefix: String

    init(prefix: String) { self.prefix = prefix }

    func channel(of subject: NewsSubject) -> ByteSlice {
        var name = ByteBuffer(capacity: prefix.utf8.count + 64)
        name.append(prefix)
        switch subject {
        case .nodes: name.append(":n" as StaticString)
        case .scope(let scope):
            name.append(":s:" as StaticString)
            name.append(scope.bytes)
        case .topic(let topic):
            name.append(":t:" as StaticString)
            name.append(topic)
        case .presence(let topic):
            name.append(":p:" as StaticString)
            name.append(topic)
        }
        return name.finish()
    }

    func subject(of channel: ByteSlice) -> NewsSubject? {
        let start = prefix.utf8.count
        guard channel.count >= start + 2, channel[0..<start] == ByteSlice(prefix),
            channel[start] == UInt8(ascii: ":")
        else { return nil }
        let letter = channel[start + 1]
        if channel.count == start + 2 { return letter == UInt8(ascii: "n") ? .nodes : nil }
        guard channel.count > start + 3, channel[start + 2] == UInt8(ascii: ":") else { return nil }
        let rest = channel[start + 3..<channel.count].compacted
        return switch letter {
        case UInt8(ascii: "s"): Name(rest).map { .scope($0) }
        case UInt8(ascii: "t"): .topic(rest)
        case UInt8(ascii: "p"): .presence(rest)
        default: nil
        }
    }
}
