// The thread of news by PostgreSQL: connects, tries whether it hears itself, listens to what is
// wanted, notifies what was left in NotifyPubSub's mail, and hands on what comes. One command is
// under way at a time; what comes meanwhile is gathered for the next. A PostgreSQL that is slow,
// stopped or gone costs nobody anything but the news.
//
//         ┌──────────── waiting (BackOff; a minute if nobody hears) ◄────────┐
//         ▼                                                                  │ refused, failed,
//   connect ─► greeting: LISTEN, which process? ─► trying: NOTIFY ─► ready ──┘ silent, deaf
//                                                  (to itself)
//
// A pool that lends connections for one transaction takes LISTEN and brings nothing. There the own
// notification would come with its own transaction, so where the process that answers is not the
// one that greeted, it is sent by a second connection, which is closed afterwards.
//
// One thread, which owns the connection. It blocks besides the wait in libpq's connecting. What it
// sends is in NotifyThread+Sending.

#if Postgres
    import Logging
    import MizuBytes
    import MizuEventLoop
    import MizuSyncPostgres

    final class NotifyThread {
        let shared: NotifyPubSub
        var phase = Phase.waiting(until: Instant(nanoseconds: 0))
        private var backOff: BackOff
        private var random = RandomNumbers()
        var assembly: NotifyAssembly
        let sender: UInt64
        var lastNumber: UInt64 = 0
        /// Channels whose messages are handed on.
        var subscribed: Set<ByteSlice> = []
        /// How many of these are in each of PostgreSQL's channels that is listened to.
        var places: [NotifyChannel: Int] = [:]
        /// Channels that may have to be listened to, or given up.
        var unsettled: [ByteSlice] = []
        /// Taken from the mail, and not sent yet; the first `sentCount` are.
        var outgoing: [PubSubMail.Publication] = []
        var sentCount = 0
        /// Whether channels have their turn.
        var isChannelsTurn = true
        private var bells: [Void] = []
        private var stopsAt: Instant?
        private var trouble = LogEpisode()
        var complaints = LogEpisode()
        private var isKnownToBeDeaf = false

        enum Phase {
            case waiting(until: Instant)
            case connected(Link)
        }

        struct Link {
            let connection: NotifyConnection
            var step = Step.greeting
            /// Where this attempt must have come to `ready`; then it means nothing.
            var deadline: Instant
            var readySince: Instant?
            var lastInput: Instant
            var command = Command.greeting
            var commandSince: Instant
        }

        enum Step {
            case greeting
            /// Waits for its own notification.
            case trying(ByteSlice, isDirect: Bool)
            case ready
        }

        /// What is under way, or was last.
        enum Command {
            case greeting, question, trial
            /// These are subscribed to once it is done.
            case channels([ByteSlice])
            case publications(Int, bytes: Int)
        }

        /// A connection that stood so long is a success.
        private static let standingMilliseconds: UInt64 = 2_000
        /// How long what waits at the end may take.
        private static let farewellMilliseconds: UInt64 = 500

        init(_ shared: NotifyPubSub) {
            self.shared = shared
            backOff = shared.settings.backOff
            sender = random.next()
            assembly = NotifyAssembly(own: sender)
        }

        /// Works until it is asked to stop.
        func run() {
            while true {
                takeChanges()
                if stopsAt == nil { attemptIfDue() }
                work()
                if let stopsAt, isIdle || stopsAt <= Instant.machine { return }
                wait()
                lookAtDeadlines()
            }
        }

        private var isIdle: Bool {
            guard case .connected(let link) = phase, case .ready = link.step else { return true }
            return !link.connection.isBusy
        }

        private func takeChanges() {
            shared.bell.drain(into: &bells)
            let isStopping = shared.mail.withLock { mail in
                unsettled += mail.changed
                mail.changed = []
                return mail.isStopping
            }
            if isStopping, stopsAt == nil {
                stopsAt = Instant.machine.adding(milliseconds: Self.farewellMilliseconds)
            }
        }

        // MARK: Time

        private func wait() {
            var connection: NotifyConnection?
            var due: Instant
            switch phase {
            case .waiting(let until): due = until
            case .connected(let link):
                connection = link.connection
                due = self.due(of: link)
            }
            if let stopsAt { due = min(due, stopsAt) }
            let now = Instant.machine
            let wait = now < due ? Int(clamping: due.milliseconds(since: now)) + 1 : 0
            do throws(NotifyConnection.Failure) {
                let awaited = try NotifyConnection.wait(
                    connection, bell: shared.bell.pollable, milliseconds: wait)
                if case .input = awaited { try read() }
            } catch {
                // What came before may have ended it already.
                if case .connected = phase { end(error.reason) }
            }
        }

        /// When something is to be done about a connection that says nothing.
        private func due(of link: Link) -> Instant {
            guard case .ready = link.step else { return link.deadline }
            let settings = shared.settings
            guard link.connection.isBusy else {
                return link.lastInput.adding(milliseconds: settings.quietMilliseconds)
            }
            return max(link.lastInput, link.commandSince)
                .adding(milliseconds: settings.silenceMilliseconds)
        }

        private func lookAtDeadlines() {
            guard case .connected(let link) = phase, due(of: link) <= Instant.machine else {
                return
            }
            switch link.step {
            case .greeting: end("it does not answer")
            case .trying(_, let isDirect):
                // PostgreSQL itself is slow; a pool is another matter.
                if isDirect { end("it does not answer") } else { endDeaf() }
            case .ready:
                guard !link.connection.isBusy else { return end("it has fallen silent") }
                begin(.question) { link throws(NotifyConnection.Failure) in
                    try link.connection.askNothing()
                }
            }
        }

        // MARK: The connection

        private func attemptIfDue() {
            guard case .waiting(let until) = phase, until <= Instant.machine else { return }
            let settings = shared.settings
            do throws(NotifyConnection.Failure) {
                let connection = try NotifyConnection(settings.database)
                let now = Instant.machine
                phase = .connected(
                    Link(
                        connection: connection,
                        deadline: now.adding(milliseconds: settings.hearingMilliseconds),
                        lastInput: now, commandSince: now))
                try connection.listen(to: [shared.channels.trial])
            } catch {
                end(error.reason)
            }
        }

        /// Sends a command.
        func begin(
            _ command: Command, _ send: (Link) throws(NotifyConnection.Failure) -> Void
        ) {
            guard case .connected(var link) = phase else { return }
            do throws(NotifyConnection.Failure) {
                try send(link)
                link.command = command
                link.commandSince = Instant.machine
                phase = .connected(link)
            } catch {
                end(error.reason)
            }
        }

        /// Says to itself what it must hear.
        private func tryHearing() {
            guard case .connected(var link) = phase else { return }
            let word = Base64.encode(Array(String(random.next(), radix: 16).utf8))
            let isDirect = link.connection.answer == String(link.connection.backend)
            link.step = .trying(ByteSlice(word), isDirect: isDirect)
            phase = .connected(link)
            let (trial, settings) = (shared.channels.trial, shared.settings)
            if isDirect {
                return begin(.trial) { link throws(NotifyConnection.Failure) in
                    try link.connection.notify([(trial, word)])
                }
            }
            do throws(NotifyConnection.Failure) {
                try NotifyConnection.notifyElsewhere(
                    settings.database, trial, word,
                    withinMilliseconds: Int64(settings.hearingMilliseconds))
                link.deadline = Instant.machine.adding(milliseconds: settings.hearingMilliseconds)
                phase = .connected(link)
            } catch {
                end(error.reason)
            }
        }

        private func ready() {
            guard case .connected(var link) = phase else { return }
            link.step = .ready
            link.readySince = Instant.machine
            phase = .connected(link)
            unsettled = shared.mail.withLock { $0.connected() }
            trouble = LogEpisode()
            isKnownToBeDeaf = false
            shared.logger.info("news go by NOTIFY of \(shared.settings.database.place)")
            shared.receive(.connected)
        }

        /// Ends the connection or the attempt, and waits for the next.
        private func end(_ reason: String) {
            let wait = backOff.failed(&random)
            if let wasReady = close(reason, wait), wasReady { shared.receive(.disconnected) }
            guard trouble.occurs(at: Instant.machine) == .isNews else { return }
            shared.logger.warning(
                """
                no news by \(shared.settings.database.place): \(reason); the store is asked instead
                """)
        }

        private func endDeaf() {
            _ = close("what is notified is not heard", shared.settings.deafMilliseconds)
            guard !isKnownToBeDeaf else { return }
            isKnownToBeDeaf = true
            shared.logger.warning(
                """
                no news by \(shared.settings.database.place): what is notified is not heard, as \
                behind a pool of connections; the store is asked instead. Set DATABASE_LISTEN_URL \
                to the address of PostgreSQL itself
                """)
        }

        /// - Returns: whether it was ready; nil where there was none.
        private func close(_ reason: String, _ milliseconds: UInt64) -> Bool? {
            var wasReady: Bool?
            if case .connected(let link) = phase {
                wasReady = link.readySince != nil
                if let since = link.readySince,
                    Instant.machine.milliseconds(since: since) >= Self.standingMilliseconds
                {
                    backOff.succeeded()
                }
            }
            phase = .waiting(until: Instant.machine.adding(milliseconds: milliseconds))
            (subscribed, places, unsettled) = ([], [:], [])
            assembly.removeAll()
            let unsent = outgoing.count - sentCount
            (outgoing, sentCount) = ([], 0)
            shared.mail.withLock { mail in
                mail.disconnected(reason)
                mail.statistics.droppedMessages += unsent
            }
            return wasReady
        }

        // MARK: What comes

        private func read() throws(NotifyConnection.Failure) {
            guard case .connected(var link) = phase else { return }
            link.lastInput = Instant.machine
            phase = .connected(link)
            try link.connection.read { input throws(NotifyConnection.Failure) in take(input) }
        }

        private func take(_ input: NotifyConnection.Input) {
            // What came before may have ended it.
            guard case .connected(let link) = phase else { return }
            switch input {
            case .notification(let channel, let payload):
                if case .trying(let word, _) = link.step {
                    if channel == shared.channels.trial.text, payload == word { heard(link) }
                    return
                }
                handOn(channel, payload)
            case .done: done(link.command)
            case .refused(let code): refused(link.command, code)
            }
        }

        /// Its own notification has come, before the end of the command that has sent it or after.
        private func heard(_ link: Link) {
            if link.connection.isBusy {
                guard case .connected(var link) = phase else { return }
                link.step = .ready
                phase = .connected(link)
            } else {
                ready()
            }
        }

        func done(_ command: Command) {
            guard case .connected(let link) = phase else { return }
            switch command {
            case .greeting:
                if link.connection.answer.isEmpty {
                    begin(.greeting) { link throws(NotifyConnection.Failure) in
                        try link.connection.askBackend()
                    }
                } else {
                    tryHearing()
                }
            case .trial:
                if case .ready = link.step { ready() }
            case .question: break
            case .channels(let channels):
                for channel in channels where subscribed.contains(channel) {
                    shared.receive(.subscribed(channel))
                }
            case .publications(_, let bytes): acknowledge(bytes)
            }
        }

        private func refused(_ command: Command, _ code: String) {
            switch command {
            case .greeting, .question, .trial, .channels:
                end("it refuses with \(code)")
            case .publications(let count, let bytes):
                acknowledge(bytes)
                shared.mail.withLock { $0.statistics.droppedMessages += count }
                guard complaints.occurs(at: Instant.machine) == .isNews else { return }
                shared.logger.warning(
                    "\(shared.settings.database.place) refuses to notify with \(code)")
            }
        }

        private func handOn(_ channel: String, _ payload: ByteSlice) {
            guard channel != shared.channels.trial.text else { return }
            switch assembly.take(payload, isWanted: { subscribed.contains($0) }) {
            case .nothing: break
            case .message(let channel, let payload):
                shared.mail.withLock { mail in
                    mail.statistics.receivedMessages += 1
                    mail.statistics.receivedBytes += payload.count
                }
                shared.receive(.message(channel: channel, payload: payload))
            case .lost:
                guard complaints.occurs(at: Instant.machine) == .isNews else { return }
                shared.logger.warning("a part of a message of news is missing or malformed")
            }
        }
    }
#endif
