// Redis' pub/sub as this house uses it: a favour. Whoever publishes is never blocked and never told
// whether anybody heard it: what Redis cannot take at once waits up to a limit, and beyond it, or
// while Redis is away, it is dropped and counted. Channels are what is wanted at the moment, not a
// list of commands, so a connection that comes back asks for all of them by itself.
//
//   any thread ──publish, subscribe──► Mail (one lock) ──ring──► RedisThread ──► Redis
//   receive ◄──────────────── events, on the thread of news ◄────────┘
//
// Any thread may call it. The conversation is RedisSession's, the thread is in RedisThread.

import Logging
import MizuBytes
import MizuEventLoop
import MizuTransport
import Synchronization

package final class RedisPubSub: Sendable {
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

    /// What comes of Redis, in order.
    package enum Event: Sendable {
        /// Connected; no channel is subscribed to yet.
        case connected
        /// What is published to that channel from now on comes. What was published before may have
        /// been missed.
        case subscribed(ByteSlice)
        case message(channel: ByteSlice, payload: ByteSlice)
        /// Nothing comes until `connected`.
        case disconnected
    }

    /// What it has done since its start.
    package struct Statistics: Sendable, Equatable {
        package var isConnected = false
        package var publishedMessages = 0
        package var publishedBytes = 0
        /// Those that came while Redis was away or too much waited.
        package var droppedMessages = 0
        package var receivedMessages = 0
        package var receivedBytes = 0
        /// Greetings that Redis has answered.
        package var connections = 0
        /// Channels that are wanted.
        package var channels = 0
        /// Why the last attempt or connection ended; empty if none did.
        package var lastFailure = ""
    }

    struct Publication {
        let channel: ByteSlice
        let payload: ByteSlice
        /// About as many as it has on the wire.
        var byteCount: Int { channel.count + payload.count + 64 }
    }

    /// What others leave for the thread.
    struct Mail {
        var publications: [Publication] = []
        var publicationBytes = 0
        var wanted: Set<ByteSlice> = []
        /// Channels that were wanted or given up since the thread has looked.
        var changed: Set<ByteSlice> = []
        var isStopping = false
        /// Bytes that the kernel has not taken, as the thread saw them last.
        var unsentBytes = 0
        var statistics = Statistics()
    }

    let settings: Settings
    let logger: Logger
    let receive: @Sendable (Event) -> Void
    let mail = Mutex(Mail())
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
        guard var poller = try? Poller(),
            (try? poller.registerInput(ended.pollable, data: 0)) != nil
        else { return .late }
        let deadline = Instant.machine.adding(milliseconds: milliseconds)
        while true {
            let now = Instant.machine
            let wait = now < deadline ? Int(clamping: deadline.milliseconds(since: now)) + 1 : 0
            guard (try? poller.wait(milliseconds: wait)) != nil else { return .late }
            if poller.count > 0 { return .ended }
            if now >= deadline { return .late }
        }
    }

    // MARK: What others ask

    /// Publishes to whoever is subscribed when Redis gets it. Never waits.
    package func publish(_ payload: ByteSlice, to channel: ByteSlice) {
        let publication = Publication(channel: channel, payload: payload)
        let isFirst = mail.withLock { mail in
            let waiting = mail.publicationBytes + mail.unsentBytes + publication.byteCount
            guard mail.statistics.isConnected, waiting <= settings.waitingBytesMax else {
                mail.statistics.droppedMessages += 1
                return false
            }
            mail.publications.append(publication)
            mail.publicationBytes += publication.byteCount
            return mail.publications.count == 1
        }
        if isFirst { bell.post(()) }
    }

    /// Wants messages of a channel from now on. `subscribed` says when they come.
    package func subscribe(to channel: ByteSlice) {
        change { $0.wanted.insert(channel.compacted).inserted ? channel.compacted : nil }
    }

    package func unsubscribe(from channel: ByteSlice) {
        change { $0.wanted.remove(channel) }
    }

    private func change(_ body: (inout Mail) -> ByteSlice?) {
        let isFirst = mail.withLock { mail in
            guard let channel = body(&mail) else { return false }
            mail.statistics.channels = mail.wanted.count
            mail.changed.insert(channel)
            return mail.changed.count == 1
        }
        if isFirst { bell.post(()) }
    }

    /// Whether Redis takes what is published at the moment.
    package var isConnected: Bool { mail.withLock { $0.statistics.isConnected } }

    /// Counts a message that was not even composed, because `isConnected` is false.
    package func dropped() { mail.withLock { $0.statistics.droppedMessages += 1 } }

    package var statistics: Statistics { mail.withLock { $0.statistics } }
}
