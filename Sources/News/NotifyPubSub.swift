// PostgreSQL's LISTEN and NOTIFY, a carrier (PubSub) by a connection of its own. PostgreSQL has one
// queue for a whole database, which every listener walks through, so channels are put into a fixed
// number of its channels by a hash: a process listens to those in which something is that it wants,
// and names whatever it says. NOTIFY takes a lock of the whole database as it commits: all that
// waits is notified in one transaction, and never in one of the store's.
//
//   any thread ──publish, subscribe──► PubSubMail ──ring──► NotifyThread ──► PostgreSQL
//   receive ◄──────────────── events, on the thread of news ◄─────┘
//
// Any thread may call it. The thread is in NotifyThread, the form of messages in NotifyFrame.

#if Postgres
    import Logging
    import MizuBytes
    import MizuEventLoop
    import MizuSyncPostgres
    import Synchronization

    package final class NotifyPubSub: PubSub {
        package struct Settings: Sendable {
            /// PostgreSQL itself, or a pool that lends a connection for as long as a session.
            package var database: PostgresDatabase
            /// What all names of PostgreSQL's channels begin with.
            package var prefix = "mizu"
            /// Bytes that wait for PostgreSQL at most.
            package var waitingBytesMax = 8 << 20
            /// How long it may take to be heard by oneself, once connected.
            package var hearingMilliseconds: UInt64 = 3_000
            /// How long the connection may be silent before PostgreSQL is asked whether it is
            /// there.
            package var quietMilliseconds: UInt64 = 1_000
            /// How long a command may take while nothing comes.
            package var silenceMilliseconds: UInt64 = 3_000
            /// When to try again where nobody hears: that does not mend itself.
            package var deafMilliseconds: UInt64 = 60_000
            /// How long attempts that fail are apart.
            package var backOff = BackOff()

            package init(database: PostgresDatabase) { self.database = database }
        }

        let settings: Settings
        let channels: NotifyChannels
        let logger: Logger
        let receive: @Sendable (PubSubEvent) -> Void
        let mail = Mutex(PubSubMail())
        let bell: Mailbox<Void>
        /// Gets one mail when the thread has ended.
        private let ended: Mailbox<Void>

        /// - Parameter receive: gets what comes, on the thread of news; it must not wait.
        package init(
            _ settings: Settings, logger: Logger,
            receive: @escaping @Sendable (PubSubEvent) -> Void
        ) throws(SystemError) {
            self.settings = settings
            channels = NotifyChannels(prefix: settings.prefix)
            self.logger = logger
            self.receive = receive
            bell = try Mailbox()
            ended = try Mailbox()
        }

        package func start() throws(SystemError) {
            let ended = ended
            var thread: NotifyThread? = NotifyThread(self)
            try startThread("mizu-notify") {
                thread.take()?.run()
                ended.post(())
            }
        }

        /// A thread that connects is late and ends after it.
        package func stop(withinMilliseconds milliseconds: UInt64) -> Stopped {
            mail.withLock { $0.isStopping = true }
            bell.post(())
            return ended.hasMail(withinMilliseconds: milliseconds) ? .ended : .late
        }

        // MARK: What others ask

        package func publish(_ payload: ByteSlice, to channel: ByteSlice, isLatest: Bool) {
            let publication = PubSubMail.Publication(
                channel: channel, payload: payload, isLatest: isLatest)
            if mail.withLock({ $0.publish(publication, bytesMax: settings.waitingBytesMax) }) {
                bell.post(())
            }
        }

        package func subscribe(to channel: ByteSlice) {
            if mail.withLock({ $0.subscribe(to: channel) }) { bell.post(()) }
        }

        package func unsubscribe(from channel: ByteSlice) {
            if mail.withLock({ $0.unsubscribe(from: channel) }) { bell.post(()) }
        }

        package var isConnected: Bool { mail.withLock { $0.statistics.isConnected } }
        package func dropped() { mail.withLock { $0.statistics.droppedMessages += 1 } }
        package var statistics: PubSubStatistics { mail.withLock { $0.statistics } }
    }

    /// PostgreSQL's channels: as many as a listener can look through for each notification.
    struct NotifyChannels: Sendable {
        static let count = 64

        private let all: [NotifyChannel]
        /// Where a process tries whether it hears itself.
        let trial: NotifyChannel

        init(prefix: String) {
            // Whatever the prefix, each name is one that PostgreSQL takes, and another prefix's is
            // another.
            let isShort = prefix.utf8.count <= 48 && NotifyChannel(prefix) != nil
            let hash = String(XXHash64.hash(Array(prefix.utf8)), radix: 16)
            let stem = isShort ? prefix : "mizu-\(hash)"
            func name(_ end: String) -> NotifyChannel {
                NotifyChannel("\(stem).\(end)") ?? NotifyChannel.anything
            }
            all = (0..<Self.count).map { name(String($0, radix: 16)) }
            trial = name("trial")
        }

        /// Where messages of a channel go.
        func place(of channel: ByteSlice) -> NotifyChannel {
            all[Int(XXHash64.hash(channel) % UInt64(Self.count))]
        }
    }
#endif
