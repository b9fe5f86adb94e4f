// Waits for threads to be through with what they hold, with a bound: a database is closed by its
// last connection, so whoever closes it must know that the others have gone.

import MizuEventLoop

/// Counts threads that have ended. `ended` on each of them, `wait` on one other thread.
final class ThreadEnds: Sendable {
    private let mailbox: Mailbox<Void>

    init() throws(SystemError) { mailbox = try Mailbox() }

    /// Says that the calling thread has let go of everything.
    func ended() { mailbox.post(()) }

    /// Returns once `count` threads have ended, or after `milliseconds`.
    /// - Returns: whether they have.
    @discardableResult
    func wait(for count: Int, milliseconds: UInt64) -> Bool {
        guard var poller = try? Poller(),
            (try? poller.registerInput(mailbox.pollable, data: 0)) != nil
        else { return false }
        let deadline = Instant.now.adding(milliseconds: milliseconds)
        var ends: [Void] = []
        var missing = count
        while missing > 0, Instant.now < deadline {
            // A wait may end early, but not before its time here.
            let wait = Int(clamping: deadline.milliseconds(since: .now)) + 1
            guard (try? poller.wait(milliseconds: wait)) != nil else { return false }
            ends.removeAll()
            mailbox.drain(into: &ends)
            missing -= ends.count
        }
        return missing <= 0
    }
}
