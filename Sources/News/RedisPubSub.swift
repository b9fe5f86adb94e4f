// Redis' pub/sub, a carrier (PubSub) by a connection of its own.
//
//   any thread ──publish, subscribe──► PubSubMail ──ring──► RedisThread ──► Redis
//   receive ◄──────────────── events, on the thread of news ◄────────┘
//
// Any thread may call it. The conversation is RedisSession's, the thread is in RedisThread.

import Logging
import MizuBytes
import MizuEventLoop
import MizuTransport
import Synchronization

package final class RedisPubSub: PubSub {
    package struct Settings: Sendable {
        package var url: RedisURL
        /// Whom to believe over TLS.
        package var trust = TLSTrust.system
        /// By which name Redis' `CLIENT LIST` shows us; without spaces.
        package var name = "mizu"
        /// Bytes that wait for Redis at most.
        package var waitingBytesMax = 8 << 20
        /// How long an attempt to connect may take, the greeting included.
        package var attemptMilliseconds: UInt64 = 3_000
        /// How long the connection may be silent before Redis is asked whether it is there.
        package var quietMilliseconds: UInt64 = 1_000
        /// How long it may take to answer that.
        package var silenceMilliseconds: UInt64 = 2_000
        /// How long attempts that fail are apart.
        package var backOff = BackOff()

        package init(url: RedisURL) { self.url = url }
    }

    package typealias Event = PubSubEvent
    package typealias Statistics = PubSubStatistics

    let settings: Settings
    let logger: Logger
    let receive: @Sendable (Event) -> Void
    let mail = Mutex(PubSubMail())
    let bell: Mailbox<Void>
    /// Gets one mail when the thread has ended.
    private let ended: Mailbox<Void>

    /// - Parameter receive: gets what comes, on the thread of news; it must not wait.
    /// - Throws: a sentence, if the certificates to trust cannot be read; `SystemError`.
    package init(
        _ settings: Settings, logger: Logger, receive: @escaping @Sendable (Event) -> Void
    ) throws {
        if settings.url.isSecure {
            _ = try TLSClientEngine(host: "localhost", trust: settings.trust)
        }
        self.settings = settings
        self.logger = logger
        self.receive = receive
        bell = try Mailbox()
        ended = try Mailbox()
    }

    /// Starts the thread, once. It goes on for as long as the process, or until `stop`.
    package func start() throws(SystemError) {
        let ended = ended
        var thread: RedisThread? = try RedisThread(self)
        try startThread("mizu-news") {
            thread.take()?.run()
            ended.post(())
        }
    }

    /// Sends what waits as far as the kernel takes it, and ends the thread. A thread that asks a
    /// resolver is late and ends after it.
    package func stop(withinMilliseconds milliseconds: UInt64) -> Stopped {
        mail.withLock { $0.isStopping = true }
        bell.post(())
        return ended.hasMail(withinMilliseconds: milliseconds) ? .ended : .late
    }

    // MARK: What others ask

    /// Publishes to whoever is subscribed when Redis gets it. Never waits.
    package func publish(_ payload: ByteSlice, to channel: ByteSlice) {
        let publication = PubSubMail.Publication(channel: channel, payload: payload)
        if mail.withLock({ $0.publish(publication, bytesMax: settings.waitingBytesMax) }) {
            bell.post(())
        }
    }

    /// Wants messages of a channel from now on. `subscribed` says when they come.
    package func subscribe(to channel: ByteSlice) {
        if mail.withLock({ $0.subscribe(to: channel) }) { bell.post(()) }
    }

    package func unsubscribe(from channel: ByteSlice) {
        if mail.withLock({ $0.unsubscribe(from: channel) }) { bell.post(()) }
    }

    /// Whether Redis takes what is published at the moment.
    package var isConnected: Bool { mail.withLock { $0.statistics.isConnected } }

    /// Counts a message that was not even composed, because `isConnected` is false.
    package func dropped() { mail.withLock { $0.statistics.droppedMessages += 1 } }

    /// What it has done since its start.
    package var statistics: Statistics { mail.withLock { $0.statistics } }
}
