// A thread that works on mail: the one way in which this house runs a thread that owns something
// (a file, a database) and is stopped in the end. What it owns is handed over at the start and is
// gone before `stop` returns `.ended`, so whoever stops it knows that the file is closed.
//
//   made ──start──► running ──stop──► finishes the mail that came before ──► ended
//                                          └── not within the time ──► late (it goes on)
//
// It logs nothing: whoever stops it says what a late thread means. Any thread may post and stop.

import Synchronization

/// How a thread took a request to stop.
public enum Stopped: Sendable, Equatable {
    /// It has ended, and what it owned has gone.
    case ended
    /// It was still at work when the time was over.
    case late
    /// It was never started.
    case notStarted
}

/// A thread with a mailbox.
public final class MailThread<Mail: Sendable>: Sendable {
    private let name: String
    private let niceness: Int32
    /// Nil asks the thread to stop.
    private let mailbox: Mailbox<Mail?>
    /// Gets one mail, which is never taken out, when the thread has ended.
    private let ended: Mailbox<Void>
    private let isStarted = Atomic<Bool>(false)

    /// - Parameters:
    ///   - name: of the thread; at most 15 bytes of it are kept.
    ///   - niceness: how far it gives way to the other threads (`startThread`).
    public init(_ name: String, niceness: Int32 = 0) throws(SystemError) {
        self.name = name
        self.niceness = niceness
        mailbox = try Mailbox()
        ended = try Mailbox()
    }

    /// Starts the thread. Mail that was posted before is received first. Call it once.
    /// - Parameters:
    ///   - owned: what only the thread uses from now on; it is released when `body` returns.
    ///   - body: receives mail until the inbox says that it is over.
    public func start<Owned: ~Copyable>(
        handover owned: consuming sending Owned,
        _ body: sending @escaping (consuming Owned, inout MailInbox<Mail>) -> Void
    ) throws(SystemError) {
        var inbox: MailInbox<Mail>? = try MailInbox(mailbox)
        var owned: Owned? = owned
        let ended = ended
        try startThread(name, niceness: niceness) {
            if var inbox = inbox.take(), let owned = owned.take() { body(owned, &inbox) }
            ended.post(())
        }
        isStarted.store(true, ordering: .releasing)
    }

    /// Adds `mail` to what the thread will receive. Never waits.
    public func post(_ mail: Mail) { mailbox.post(mail) }

    /// Asks the thread to end after the mail that has come so far, and waits for that.
    /// - Parameter milliseconds: how long to wait; a thread that is late goes on and may end later.
    public func stop(withinMilliseconds milliseconds: UInt64) -> Stopped {
        Self.stop([self], withinMilliseconds: milliseconds)
    }

    /// Waits for a thread that ends by itself.
    public func join(withinMilliseconds milliseconds: UInt64) -> Stopped {
        guard isStarted.load(ordering: .acquiring) else { return .notStarted }
        return hasEnded(by: Instant.machine.adding(milliseconds: milliseconds)) ? .ended : .late
    }

    /// Asks all of `threads` to end, and waits for all of them together.
    /// - Returns: `.ended` if every one that was started has ended.
    public static func stop(
        _ threads: [MailThread], withinMilliseconds milliseconds: UInt64
    ) -> Stopped {
        let started = threads.filter { $0.isStarted.load(ordering: .acquiring) }
        guard !started.isEmpty else { return .notStarted }
        for thread in started { thread.mailbox.post(nil) }
        // By the machine: a test's clock stands still while somebody waits.
        let deadline = Instant.machine.adding(milliseconds: milliseconds)
        return started.allSatisfy { $0.hasEnded(by: deadline) } ? .ended : .late
    }

    private func hasEnded(by deadline: Instant) -> Bool {
        // A descriptor that is readable already makes an event when it is registered.
        guard var poller = try? Poller(),
            (try? poller.registerInput(ended.pollable, data: 0)) != nil
        else { return false }
        while true {
            let now = Instant.machine
            // A wait may end early, but not before its time here.
            let wait = now < deadline ? Int(clamping: deadline.milliseconds(since: now)) + 1 : 0
            guard (try? poller.wait(milliseconds: wait)) != nil else { return false }
            if poller.count > 0 { return true }
            if now >= deadline { return false }
        }
    }
}

/// The thread's own end of its mailbox.
public struct MailInbox<Mail: Sendable>: ~Copyable {
    private let mailbox: Mailbox<Mail?>
    private var poller: Poller
    private var drained: [Mail?] = []
    /// What the last `receive` brought, in the order in which it was posted.
    public private(set) var mail: [Mail] = []
    /// Whether the thread was asked to stop; what came before that is in `mail`.
    public private(set) var isStopping = false

    /// More room than this is not kept for the next batch.
    private static var keptMax: Int { 1_024 }

    fileprivate init(_ mailbox: Mailbox<Mail?>) throws(SystemError) {
        let poller = try Poller()
        try poller.registerInput(mailbox.pollable, data: 0)
        self.mailbox = mailbox
        self.poller = poller
        #if DEBUG
            TestWorld.current?.clock.onAdvance { [weak mailbox] in mailbox?.wake() }
        #endif
    }

    public enum Receipt: Sendable { case goOn, stop }

    /// Waits for mail and puts it into `mail`, which is empty if the time is over first.
    /// - Parameter milliseconds: how long to wait at most; nil: until there is mail.
    /// - Returns: `.stop` once the thread was asked to stop and has received all mail from before.
    public mutating func receive(withinMilliseconds milliseconds: Int? = nil) -> Receipt {
        mail.removeAll(keepingCapacity: mail.capacity <= Self.keptMax)
        guard !isStopping else { return .stop }
        var milliseconds = milliseconds
        #if DEBUG
            // By a test's clock time passes when it is moved, and that wakes us.
            if TestWorld.current != nil, milliseconds != 0 { milliseconds = nil }
        #endif
        // The only error that there can be is a signal's, and that ends the wait like no mail.
        guard (try? poller.wait(milliseconds: milliseconds)) != nil else { return .goOn }
        mailbox.drain(into: &drained)
        for item in drained {
            guard let item else {
                isStopping = true
                continue
            }
            mail.append(item)
        }
        if drained.capacity > Self.keptMax { drained = [] }
        return isStopping && mail.isEmpty ? .stop : .goOn
    }
}
