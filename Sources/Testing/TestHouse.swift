// The thread of an app under test: makes the app, turns its worker, and carries the bytes of the
// test's connections. It waits in one place, in the worker's own poller: for mail of the database's
// threads, and for commands of the test, which come as mail, too.
//
//   test ──command──► exchange, socket ──pipe──► worker ──pipe──► exchange ─► test
//
// Time is the test's (`TestWorld`), except for patience: a request that nobody answers within a
// minute of the machine's time throws, so that a test ends.

#if DEBUG
    import Mizu
    import MizuEventLoop
    import MizuHTTP
    import MizuRouting
    import MizuServer
    import MizuTransport
    import Synchronization

    /// The thread's handle. Any thread.
    final class TestHouse: Sendable {
        /// Done on the thread, between two ticks.
        typealias Command = @Sendable (Inside) -> Void

        /// Of the machine's time: more than any request needs on a loaded machine.
        static let patienceMilliseconds: UInt64 = 60_000

        private struct Orders {
            var commands: [Command] = []
            var isEnding = false
        }

        private let orders = Mutex(Orders())
        private let world: TestWorld
        /// Wakes the thread; set before anybody has the house.
        private let workers = Mutex<Workers?>(nil)
        private let ended = Gate()
        let browsers = Mutex<[String?: TestBrowser]>([:])

        private init(_ world: TestWorld) { self.world = world }

        static func start(
            _ configuration: Configuration, _ world: TestWorld,
            _ make: @escaping @Sendable (Configuration) throws -> App
        ) throws -> TestHouse {
            let house = TestHouse(world)
            let outcome = Mutex<(any Error)?>(nil)
            let ready = Gate()
            try startThread("mizu-test-app") {
                world.run {
                    do {
                        let inside = try Inside(configuration, world.clock, make)
                        house.workers.withLock { $0 = inside.app.workers }
                        ready.open()
                        house.turn(inside)
                        TestWorld.leave { inside.end() }
                    } catch {
                        outcome.withLock { $0 = error }
                        ready.open()
                    }
                }
                house.ended.open()
            }
            ready.wait()
            if let error = outcome.withLock({ $0 }) { throw error }
            return house
        }

        /// Ends the thread and waits for that. Call it as often as you like.
        func end() {
            orders.withLock { $0.isEnding = true }
            wake()
            // They hold the house.
            browsers.withLock { $0 = [:] }
            // The last reference may go where the thread runs a test's closure.
            if TestWorld.current !== world { ended.wait() }
        }

        /// Runs `body` on the thread; `failed` is called in its place once the house has ended.
        func perform(_ body: @escaping Command, orElse failed: () -> Void) {
            let isTaken = orders.withLock { orders in
                if !orders.isEnding { orders.commands.append(body) }
                return !orders.isEnding
            }
            isTaken ? wake() : failed()
        }

        /// A name that no other request of this app has.
        func freshID() -> String {
            "t" + String(count.add(1, ordering: .relaxed).newValue)
        }
        private let count = Atomic<Int>(0)

        private func wake() {
            workers.withLock { $0 }?.perform(on: 0) { _ in }
        }

        /// Lets `body` answer once, from the thread.
        func ask<Answer: Sendable>(
            _ what: String,
            _ body: @escaping @Sendable (Inside, @escaping Reply<Answer>) -> Void
        ) async throws(TestError) -> Answer {
            let result: Result<Answer, TestError> = await handedOver { waiting in
                perform({ inside in body(inside) { waiting.resume(returning: $0) } }) {
                    let error = TestError("\(what): the app has ended")
                    waiting.resume(returning: .failure(error))
                }
            }
            return try result.get()
        }

        typealias Reply<Answer> = @Sendable (Result<Answer, TestError>) -> Void

        func advance(milliseconds: UInt64) async throws(TestError) {
            try await ask("advance") { inside, reply in
                inside.advance(milliseconds: milliseconds)
                reply(.success(()))
            }
        }

        // MARK: The thread

        private func turn(_ inside: Inside) {
            while true {
                let (commands, isEnding) = orders.withLock { orders in
                    defer { orders.commands = [] }
                    return (orders.commands, orders.isEnding)
                }
                for command in commands { command(inside) }
                guard !isEnding, inside.turn() else { return }
            }
        }
    }

    /// What the thread owns. Confined to it.
    final class Inside {
        let app: App
        let stepped: SteppedWorker
        let clock: ManualClock
        private var talks: [UInt64: any TestTalk] = [:]
        private var talkCount: UInt64 = 0

        init(
            _ configuration: Configuration, _ clock: ManualClock,
            _ make: (Configuration) throws -> App
        ) throws {
            self.clock = clock
            app = try make(configuration)
            stepped = try app.step(by: clock, first: TestUser.middleware)
        }

        func end() {
            stepped.end()
            for talk in talks.values { talk.end(TestError("the app has ended")) }
            talks = [:]
            app.endStepping()
        }

        /// Connects `talk`, which speaks from the next turn on.
        func add(_ talk: any TestTalk, from peer: PeerAddress) -> UInt64 {
            talkCount += 1
            talks[talkCount] = talk
            stepped.admit(talk.pipe, peer)
            return talkCount
        }

        func talk(_ id: UInt64) -> (any TestTalk)? { talks[id] }

        /// Goes on with what there is to do, or waits for it.
        /// - Returns: false once the worker has ended.
        func turn() -> Bool {
            do {
                let now = Instant.machine
                let deadline = talks.values.compactMap(\.deadline).min()
                let wait = deadline.map { Int(clamping: $0.milliseconds(since: now)) + 1 }
                let moved = carry()
                try stepped.step(waitingMilliseconds: moved ? 0 : wait)
                carry()
                if let deadline, Instant.machine >= deadline { endLate() }
                return !stepped.hasEnded
            } catch {
                for talk in talks.values { talk.end(TestError("the worker has ended: \(error)")) }
                talks = [:]
                return false
            }
        }

        /// Moves bytes between talks and their pipes.
        @discardableResult
        private func carry() -> Bool {
            var moved = false
            for (id, talk) in talks {
                if talk.carry() { moved = true }
                if talk.isOver {
                    talk.pipe.close()
                    talks[id] = nil
                }
            }
            return moved
        }

        private func endLate() {
            let now = Instant.machine
            for (id, talk) in talks where talk.deadline.map({ $0 <= now }) ?? false {
                talk.end(TestError("no answer in a minute"))
                if talk.isOver { talks[id] = nil }
            }
        }

        /// Moves the clock on, from one of the worker's moments to the next.
        func advance(milliseconds: UInt64) {
            settle()
            let end = clock.monotonic.adding(milliseconds: milliseconds)
            while clock.monotonic < end, !stepped.hasEnded {
                let next = stepped.nextMoment(before: end)
                // Whole milliseconds, and never none: the moment is not reached before its end.
                let count =
                    (next.nanoseconds - min(next, clock.monotonic).nanoseconds + 999_999)
                    / 1_000_000
                clock.advance(milliseconds: max(1, count))
                settle()
            }
        }

        private func settle() {
            repeat { _ = try? stepped.settle() } while carry()
        }
    }

    /// One connection of a test: what is to be sent, and what comes of what was received.
    protocol TestTalk: AnyObject {
        var pipe: MemoryPipe { get }
        /// By the machine's clock: when whoever waits is told that nothing came; nil: nobody waits.
        var deadline: Instant? { get }
        /// Nothing more comes of it.
        var isOver: Bool { get }
        /// Moves bytes.
        /// - Returns: whether any moved.
        func carry() -> Bool
        /// Tells whoever waits that nothing comes.
        func end(_ error: TestError)
    }

    /// A thread waits at it until it opens, once.
    private final class Gate: Sendable {
        private let mailbox = Mutex(false)
        private let event = try? Mailbox<Void>()

        func open() {
            mailbox.withLock { $0 = true }
            event?.post(())
        }

        func wait() {
            guard let event, var poller = try? Poller(),
                (try? poller.registerInput(event.pollable, data: 0)) != nil
            else { return }
            while !mailbox.withLock({ $0 }) { try? poller.wait(milliseconds: nil) }
        }
    }
#endif
