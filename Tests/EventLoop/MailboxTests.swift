// Mail between threads: nothing lost, order kept for each poster, the eventfd rung when it must.

import MizuEventLoop
import Synchronization
import Testing

@Suite("Mailbox") struct MailboxTests {
    @Test("what one thread posts arrives whole and in order")
    func order() throws {
        let mailbox = try Mailbox<Int>()
        mailbox.post(1)
        mailbox.post(contentsOf: [2, 3])
        mailbox.post(contentsOf: [])
        var mail: [Int] = []
        mailbox.drain(into: &mail)
        #expect(mail == [1, 2, 3])
        mailbox.drain(into: &mail)
        #expect(mail == [])
    }

    @Test("the poller hears of mail that four threads post, and misses none")
    func threads() throws {
        let mailbox = try Mailbox<Int>()
        var poller = try Poller()
        try poller.registerInput(mailbox.pollable, data: 42)
        for thread in 0..<4 {
            try startThread("poster-\(thread)") {
                for number in 0..<1000 { mailbox.post(thread * 1000 + number) }
            }
        }
        var seen: [Int] = []
        var mail: [Int] = []
        while seen.count < 4000 {
            try poller.wait(milliseconds: 60_000)
            #expect(poller.count == 1)
            guard poller.count == 1 else { return }
            #expect(poller[0].data == 42 && poller[0].isReadable)
            mailbox.drain(into: &mail)
            seen += mail
        }
        for thread in 0..<4 {
            let own = seen.filter { $0 / 1000 == thread }
            #expect(own == own.sorted() && own.count == 1000)
        }
    }
}

@Suite("Alarm")
struct AlarmTests {
    @Test("goes off at its moment, not before; an earlier moment counts, a later one does not")
    func order() throws {
        var poller = try Poller()
        var alarm = try Alarm()
        try poller.registerInput(alarm.pollable, data: 7)
        let start = Instant.now
        try alarm.ring(by: start.adding(milliseconds: 500_000))
        try alarm.ring(by: start.adding(milliseconds: 20))
        try alarm.ring(by: start.adding(milliseconds: 900_000))
        try poller.wait(milliseconds: 60_000)
        #expect(poller.count == 1 && poller[0].data == 7)
        #expect(Instant.now.milliseconds(since: start) >= 20)
        alarm.rang()
        try poller.wait(milliseconds: 0)
        #expect(poller.count == 0)
        // Set again without having been read.
        try alarm.ring(by: Instant.now)
        try poller.wait(milliseconds: 60_000)
        #expect(poller.count == 1)
    }
}
