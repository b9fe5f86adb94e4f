// Messages as payloads of NOTIFY, and back. A payload is text of less than 8000 bytes, so a message
// is cut into parts, which are notified in one transaction, and each part is base 64:
//
//   01 | sender, 8 bytes | number, 8 | part, 2 | parts, 2 | [channel: length, 2, and bytes] | …
//
// The first part names the channel. Parts of a sender come in order, so one that does not continue
// what is there shows a loss, and all of that message is thrown away. What comes is checked as if a
// stranger had sent it: whoever may connect to the database may notify. Values; know no connection.

import MizuBytes

enum NotifyFrame {
    private static let version: UInt8 = 1
    fileprivate static let headBytes = 21
    /// Bytes of a part: in base 64 they are a payload that PostgreSQL takes.
    static let partBytesMax = 5_997
    /// A longer message is not sent.
    static let messageBytesMax = 4 << 20
    static let channelBytesMax = 4_096

    /// The payloads of a message; nil: it is too long.
    static func payloads(
        of message: ByteSlice, to channel: ByteSlice, from sender: UInt64, number: UInt64
    ) -> [[UInt8]]? {
        guard message.count <= messageBytesMax, channel.count <= channelBytesMax else {
            return nil
        }
        let firstMax = partBytesMax - headBytes - 2 - channel.count
        let restMax = partBytesMax - headBytes
        let left = max(0, message.count - firstMax)
        let count = 1 + (left + restMax - 1) / restMax
        var all: [[UInt8]] = []
        var start = 0
        for part in 0..<count {
            let end = min(message.count, start + (part == 0 ? firstMax : restMax))
            var frame = ByteBuffer(capacity: partBytesMax)
            frame.append(version)
            frame.append(bigEndian: sender)
            frame.append(bigEndian: number)
            frame.append(bigEndian: UInt16(part))
            frame.append(bigEndian: UInt16(count))
            if part == 0 {
                frame.append(bigEndian: UInt16(channel.count))
                frame.append(channel)
            }
            frame.append(message[start..<end])
            all.append(Base64.encode(frame.readable))
            start = end
        }
        return all
    }

    struct Part {
        let sender: UInt64
        let number: UInt64
        let part: Int
        let count: Int
        /// Of the first part.
        let channel: ByteSlice?
        let content: ByteSlice
    }

    /// What a payload says; nil: it is none of ours.
    static func read(_ payload: ByteSlice) -> Part? {
        guard let bytes = payload.withUnsafeBytes({ Base64.decode($0) }), bytes.count >= headBytes,
            bytes[0] == version
        else { return nil }
        let part = Int(number(bytes, at: 17, bytes: 2))
        let count = Int(number(bytes, at: 19, bytes: 2))
        guard part < count else { return nil }
        var content = ByteSlice(bytes)[headBytes..<bytes.count]
        var channel: ByteSlice?
        if part == 0 {
            guard content.count >= 2 else { return nil }
            let length = Int(content[0]) << 8 | Int(content[1])
            guard length <= channelBytesMax, content.count >= 2 + length else { return nil }
            channel = content[2..<2 + length]
            content = content[2 + length..<content.count]
        }
        return Part(
            sender: number(bytes, at: 1, bytes: 8), number: number(bytes, at: 9, bytes: 8),
            part: part, count: count, channel: channel, content: content)
    }

    private static func number(_ bytes: [UInt8], at start: Int, bytes count: Int) -> UInt64 {
        bytes[start..<start + count].reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Puts parts together. One owner.
struct NotifyAssembly {
    /// What a part leads to.
    enum Outcome {
        /// More is to come, or it is nothing that is wanted.
        case nothing
        case message(channel: ByteSlice, payload: ByteSlice)
        /// Parts are missing, or it is none of ours.
        case lost
    }

    /// Bytes of messages that are not whole, of all senders together.
    static let bytesMax = 16 << 20

    private struct Partial {
        let number: UInt64
        let count: Int
        let channel: ByteSlice
        var next = 1
        var bytes: [UInt8]
    }

    /// What this process says comes back, and is passed over.
    private let own: UInt64
    private var partials: [UInt64: Partial] = [:]
    private(set) var byteCount = 0

    init(own: UInt64) { self.own = own }

    /// - Parameter isWanted: whether messages of a channel are.
    mutating func take(_ payload: ByteSlice, isWanted: (ByteSlice) -> Bool) -> Outcome {
        guard let part = NotifyFrame.read(payload) else { return .lost }
        guard part.sender != own else { return .nothing }
        if let channel = part.channel {
            let isLost = forget(part.sender)
            guard isWanted(channel) else { return isLost ? .lost : .nothing }
            if part.count == 1 { return .message(channel: channel, payload: part.content) }
            partials[part.sender] = Partial(
                number: part.number, count: part.count, channel: channel.compacted,
                bytes: part.content.array)
            byteCount += part.content.count
            return isLost || !bound() ? .lost : .nothing
        }
        guard var partial = partials.removeValue(forKey: part.sender) else { return .nothing }
        byteCount -= partial.bytes.count
        guard partial.number == part.number, partial.count == part.count,
            partial.next == part.part,
            partial.bytes.count + part.content.count <= NotifyFrame.messageBytesMax
        else { return .lost }
        part.content.withUnsafeBytes { partial.bytes.append(contentsOf: $0) }
        partial.next += 1
        if partial.next == partial.count {
            return .message(channel: partial.channel, payload: ByteSlice(partial.bytes))
        }
        byteCount += partial.bytes.count
        partials[part.sender] = partial
        return bound() ? .nothing : .lost
    }

    /// - Returns: whether something was there.
    private mutating func forget(_ sender: UInt64) -> Bool {
        guard let partial = partials.removeValue(forKey: sender) else { return false }
        byteCount -= partial.bytes.count
        return true
    }

    /// Nobody has so many at once who means well, or they have died in the middle.
    private mutating func bound() -> Bool {
        guard byteCount > Self.bytesMax || partials.count > 4_096 else { return true }
        removeAll()
        return false
    }

    mutating func removeAll() {
        partials = [:]
        byteCount = 0
    }
}

extension ByteBuffer {
    fileprivate mutating func append(bigEndian number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { append($0) }
    }
}
