// Pub/sub as this house uses it, whichever service carries it: a favour. Whoever publishes is never
// blocked and never told whether anybody heard it: what cannot be taken at once waits up to a
// limit, and beyond it, or while the service is away, it is dropped and counted. Channels are what
// is wanted at the moment, not a list of commands, so a connection that comes back asks for all of
// them by itself. Here are the seam, and what any thread leaves for the carrier's own.

import MizuBytes
import MizuEventLoop

/// A carrier of messages between processes. Any thread may call it; nothing of it waits.
package protocol PubSub: Sendable {
    /// Starts its thread, once.
    func start() throws(SystemError)

    /// Publishes to whoever is subscribed when the service gets it.
    /// - Parameter isLatest: whoever has this needs none that was published to the channel before,
    ///   so one that still waits may be left out.
    func publish(_ payload: ByteSlice, to channel: ByteSlice, isLatest: Bool)

    /// Wants messages of a channel from now on. `subscribed` says when they come.
    func subscribe(to channel: ByteSlice)
    func unsubscribe(from channel: ByteSlice)

    /// Whether what is published is taken at the moment.
    var isConnected: Bool { get }
    /// Counts a message that was not even composed, because `isConnected` is false.
    func dropped()
    var statistics: PubSubStatistics { get }

    /// Sends what waits as far as that goes at once, and ends the thread.
    func stop(withinMilliseconds milliseconds: UInt64) -> Stopped
}

/// What comes of a carrier, in order, on its thread.
package enum PubSubEvent: Sendable {
    /// Connected; no channel is subscribed to yet.
    case connected
    /// What is published to that channel from now on comes. What was published before may have
    /// been missed.
    case subscribed(ByteSlice)
    case message(channel: ByteSlice, payload: ByteSlice)
    /// Nothing comes until `connected`.
    case disconnected
}

/// What a carrier has done since its start.
package struct PubSubStatistics: Sendable, Equatable {
    package var isConnected = false
    package var publishedMessages = 0
    package var publishedBytes = 0
    /// Those that came while the service was away or too much waited.
    package var droppedMessages = 0
    package var receivedMessages = 0
    package var receivedBytes = 0
    /// Times that the service was connected.
    package var connections = 0
    /// Channels that are wanted.
    package var channels = 0
    /// Why the last attempt or connection ended; empty if none did.
    package var lastFailure = ""
}

/// What others leave for a carrier's thread. Stands behind a lock.
struct PubSubMail {
    struct Publication {
        let channel: ByteSlice
        let payload: ByteSlice
        var isLatest = false
        /// About as many as it has on the wire.
        var byteCount: Int { channel.count + payload.count + 64 }
    }

    var publications: [Publication] = []
    var publicationBytes = 0
    /// Where those stand among them that the next one of their channel replaces.
    private var latest: [ByteSlice: Int] = [:]
    var wanted: Set<ByteSlice> = []
    /// Channels that were wanted or given up since the thread has looked.
    var changed: Set<ByteSlice> = []
    var isStopping = false
    /// Bytes that the service has not taken, as the thread saw them last.
    var unsentBytes = 0
    var statistics = PubSubStatistics()

    /// - Returns: whether the thread is to be woken.
    mutating func publish(_ publication: Publication, bytesMax: Int) -> Bool {
        let waiting = publicationBytes + unsentBytes + publication.byteCount
        guard statistics.isConnected, waiting <= bytesMax else {
            statistics.droppedMessages += 1
            return false
        }
        publicationBytes += publication.byteCount
        if publication.isLatest {
            if let index = latest[publication.channel] {
                publicationBytes -= publications[index].byteCount
                publications[index] = publication
                return false
            }
            latest[publication.channel] = publications.count
        }
        publications.append(publication)
        return publications.count == 1
    }

    /// - Returns: whether the thread is to be woken.
    mutating func subscribe(to channel: ByteSlice) -> Bool {
        let channel = channel.compacted
        return wanted.insert(channel).inserted && note(channel)
    }

    /// - Returns: whether the thread is to be woken.
    mutating func unsubscribe(from channel: ByteSlice) -> Bool {
        guard let channel = wanted.remove(channel) else { return false }
        return note(channel)
    }

    private mutating func note(_ channel: ByteSlice) -> Bool {
        statistics.channels = wanted.count
        changed.insert(channel)
        return changed.count == 1
    }

    /// Everything that waits to be published. It counts as unsent until the thread says otherwise.
    mutating func takePublications() -> [Publication] {
        let all = publications
        unsentBytes += publicationBytes
        statistics.publishedMessages += all.count
        for publication in all { statistics.publishedBytes += publication.payload.count }
        forgetPublications()
        return all
    }

    private mutating func forgetPublications() {
        publications = []
        publicationBytes = 0
        latest = [:]
    }

    /// The service is connected: all channels are to be asked for.
    /// - Returns: them.
    mutating func connected() -> [ByteSlice] {
        statistics.isConnected = true
        statistics.connections += 1
        changed = []
        return Array(wanted)
    }

    /// The service is away. What waits would be old when it is back.
    mutating func disconnected(_ reason: String) {
        statistics.isConnected = false
        statistics.lastFailure = reason
        statistics.droppedMessages += publications.count
        forgetPublications()
        unsentBytes = 0
    }
}

extension RedisPubSub {
    package func publish(_ payload: ByteSlice, to channel: ByteSlice, isLatest: Bool) {
        publish(payload, to: channel)
    }
}

extension Mailbox {
    /// Waits for mail, which stays where it is.
    func hasMail(withinMilliseconds milliseconds: UInt64) -> Bool {
        guard var poller = try? Poller(), (try? poller.registerInput(pollable, data: 0)) != nil
        else { return false }
        let deadline = Instant.machine.adding(milliseconds: milliseconds)
        while true {
            let now = Instant.machine
            let wait = now < deadline ? Int(clamping: deadline.milliseconds(since: now)) + 1 : 0
            guard (try? poller.wait(milliseconds: wait)) != nil else { return false }
            if poller.count > 0 { return true }
            if now >= deadline { return false }
        }
    }
}
