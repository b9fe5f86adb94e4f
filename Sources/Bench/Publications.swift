// What has been published and how far it has come: shared by the thread that publishes and those
// that receive. A receiving thread asks once for each message, not once for each delivery. Memory
// is a ring of fixed size; so many publications may be under way at once.

import MizuEventLoop
import Synchronization

final class Publications: Sendable {
    /// Publications that may be under way at once.
    static let ringCount = 4096

    private let publishedCount = Atomic<Int>(0)
    private let doneCount = Atomic<Int>(0)
    private let book: Mutex<Book>

    private struct Book {
        var sentAt = [UInt64](repeating: 0, count: Publications.ringCount)
        var threadsLeft = [Int](repeating: 0, count: Publications.ringCount)
        /// Nanoseconds until the last subscriber of all had it.
        var toAll = Histogram()
        /// Wakes the publishing thread.
        var publisher: Mailbox<Order>?
        let threads: Int
    }

    /// - Parameter threads: how many receive.
    init(threads: Int) { book = Mutex(Book(threads: threads)) }

    var published: Int { publishedCount.load(ordering: .acquiring) }
    /// Publications that all have, or that were given up.
    var done: Int { doneCount.load(ordering: .acquiring) }
    var underWay: Int { max(0, published - done) }
    var toAll: Histogram { book.withLock { $0.toAll } }

    func setPublisher(_ inbox: Mailbox<Order>) { book.withLock { $0.publisher = inbox } }

    /// Counts one more before it is sent, and returns its number. One thread.
    func begin(now: Instant) -> Int {
        let number = published
        book.withLock { book in
            book.sentAt[number % Self.ringCount] = now.nanoseconds
            book.threadsLeft[number % Self.ringCount] = book.threads
        }
        publishedCount.store(number + 1, ordering: .releasing)
        return number
    }

    /// When a publication was sent; nil for a number that was not published, or so long ago that
    /// the ring has forgotten it.
    func sentAt(_ number: Int) -> UInt64? {
        let published = published
        guard number >= 0, number < published, number >= published - Self.ringCount else {
            return nil
        }
        return book.withLock { $0.sentAt[number % Self.ringCount] }
    }

    /// All subscribers of one more thread have publication `number`.
    func finished(_ number: Int, now: Instant, isMeasured: Bool) {
        let publisher: Mailbox<Order>? = book.withLock { book in
            let place = number % Self.ringCount
            book.threadsLeft[place] -= 1
            guard book.threadsLeft[place] == 0 else { return nil }
            if isMeasured { book.toAll.record(now.nanoseconds &- book.sentAt[place]) }
            doneCount.wrappingAdd(1, ordering: .releasing)
            return book.publisher
        }
        publisher?.post(.turn)
    }

    /// Waits for nothing that is under way any more.
    func giveUp() { doneCount.store(published, ordering: .releasing) }
}
