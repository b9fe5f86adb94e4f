// How threads speak to a worker: a locked queue and an eventfd that wakes it. The eventfd is rung
// only when the queue was empty, so one wake-up serves all that was posted before it is read.
// Any thread may post; one thread drains.

import CLinux
import Synchronization

/// A queue from many threads to one, with a descriptor to poll (eventfd(2)).
public final class Mailbox<Message: Sendable>: Sendable {
    private let queue = Mutex<[Message]>([])
    private let event: Descriptor

    public init() throws(SystemError) {
        event = Descriptor(owning: try SystemError.check("eventfd", cl_eventfd()))
    }

    /// Becomes readable when there is mail. Owned by the mailbox.
    public var pollable: Int32 { event.raw }

    /// Adds `message`; wakes the reader if the queue was empty.
    public func post(_ message: Message) {
        let wasEmpty = queue.withLock { queue in
            queue.append(message)
            return queue.count == 1
        }
        if wasEmpty { _ = cl_eventfd_signal(event.raw) }
    }

    /// Adds `messages` in order; wakes the reader if the queue was empty.
    public func post(contentsOf messages: [Message]) {
        guard !messages.isEmpty else { return }
        let wasEmpty = queue.withLock { queue in
            defer { queue.append(contentsOf: messages) }
            return queue.isEmpty
        }
        if wasEmpty { _ = cl_eventfd_signal(event.raw) }
    }

    #if DEBUG
        /// Wakes the reader without mail.
        func wake() { _ = cl_eventfd_signal(event.raw) }
    #endif

    /// Takes everything, in the order it was posted. `recycled` becomes the empty queue, so that
    /// its memory is used again.
    public func drain(into recycled: inout [Message]) {
        recycled.removeAll(keepingCapacity: true)
        _ = cl_eventfd_drain(event.raw)
        queue.withLock { swap(&$0, &recycled) }
    }
}
