// What a thread of the store waits on for a bounded time: a reader for a fold, the committer for a
// checkpoint. Others post to its mailbox; why, is looked up elsewhere.

import MizuEventLoop
import MizuSync

/// Confined to its thread, but for the mailbox.
struct Seat: ~Copyable {
    let mailbox: Mailbox<Void>
    private var poller: Poller
    private var mail: [Void] = []

    init() throws(StoreError) {
        do throws(SystemError) {
            let mailbox = try Mailbox<Void>()
            let poller = try Poller()
            try poller.registerInput(mailbox.pollable, data: 0)
            self.mailbox = mailbox
            self.poller = poller
        } catch {
            throw StoreError(.unavailable, "cannot wait: \(error)")
        }
    }

    /// Waits for mail, or for the time. May return before both.
    mutating func wait(until deadline: Instant) {
        let milliseconds = Int(clamping: deadline.milliseconds(since: .now)) + 1
        // The only error is a signal's, and whoever waits looks again in any case.
        _ = try? poller.wait(milliseconds: milliseconds)
        mailbox.drain(into: &mail)
    }
}
