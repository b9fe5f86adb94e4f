// What is compressed of what many are told. Sizes of compressed messages tell where a message is
// like those before it: no harm among people who may read all of it, but somebody who may write
// without reading could guess at what others wrote, and see by the sizes whether the guess was
// right. So what such people make the app say is told as it is and never enters a window, and an
// app may switch compression off for a topic.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer

extension LiveService {
    /// Those who get deltas and those who get pokes are told different things, so each are a group.
    func broadcast(
        _ publication: Publication, to topic: TopicID, mode: SubscriptionMode, compresses: Bool
    ) -> Broadcast {
        Broadcast(
            publication, group: topic.number << 1 | (mode == .deltas ? 1 : 0),
            tag: Self.tag(of: topic), compresses: compresses)
    }

    /// Whether what is told in the topic may be compressed. (What somebody wrote who may not read
    /// it is not, wherever it is told: it would stand beside what others wrote, in a shared window
    /// or in one record, and its sizes would tell where both are alike.)
    func mayCompress(_ topic: ByteSlice) -> Bool {
        hooks.compresses.map { $0(topic.string) } ?? true
    }

    /// Names what waits of a topic in send queues.
    static func tag(of topic: TopicID) -> UInt32 {
        UInt32(truncatingIfNeeded: topic.number) &+ 1
    }

    /// Whether who publishes hears the topic, or might.
    func mayRead(_ topic: ByteSlice, _ session: LiveSession, _ socket: Token) -> Bool {
        topics.subscription(of: socket.bits, to: topic) != nil
            || hooks.onMessage(session, .subscribe(topic: topic.string)) == .allow
    }
}
