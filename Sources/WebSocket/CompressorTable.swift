// The compressors of one worker, within a budget of memory: what goes to one peer, and what a whole
// group is told, with the window kept from message to message (RFC 7692 §7.2.3.2). A connection
// owns none while it idles. It owns a `WindowPlace`, 8 bytes: which compressor's last message its
// inflater has had. A compressor that was given to somebody else has another place, so whoever
// comes back finds out and begins anew. (A compressor may forget its window at any time, without a
// word.)
//
// A group is all who are told the same in the same order. One compressor serves it: its window is
// what each member's inflater has seen, as long as
//   · every compressed message of the group goes to every member, in order: who was left out has
//     another place than the group, and gets no more of it until the window begins anew;
//   · nothing else that is compressed goes to a member: what is for one alone is sent as it is.
// Who is outside (came later, or was left out) gets stand-alone frames. The window begins anew when
// those outside have been sent as many of them as there are members, or after
// `messagesPerWindowMax`: so joining costs at most as much again as the best choice made with
// knowledge of the future, and a late joiner is in after a while.
//
// Pure: knows no socket, no topic and no clock. One thread.

import MizuBytes

/// What the window of one peer's inflater holds, as far as we know: nothing that we can use, or all
/// up to a certain message of a certain compressor.
public struct WindowPlace: Equatable, Sendable {
    /// The compressor in the low 16 bits; above them a number that no other message of the worker
    /// has, so that no two compressors and no two moments of one are ever taken for each other.
    private(set) var bits: UInt64

    /// Nothing that can be used.
    public static let none = WindowPlace(bits: 0)

    init(bits: UInt64) { self.bits = bits }
    init(index: Int, number: UInt64) { bits = number << 16 | UInt64(index) }

    var index: Int { Int(bits & 0xFFFF) }
}

public struct CompressorTable: ~Copyable {
    private var compressors: ContiguousArray<Compressor> = []
    private var indexByGroup: [UInt64: Int] = [:]
    private let countMax: Int
    private var number: UInt64 = 0
    private var clock: UInt64 = 0
    private var random: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var alone: Deflater?
    /// What the last message was deflated to.
    private var payload = ByteBuffer(capacity: 512)
    private let ledger: ByteLedger?

    /// Messages of fewer bytes go as they are: there is nothing to gain.
    public static let messageBytesMin = 24
    /// Messages of more bytes go as they are: packing them would hold up the worker's other
    /// connections for longer than some milliseconds.
    public static let messageBytesMax = 256 * 1024
    /// Messages of a group after which it begins anew for the sake of a single one outside.
    static let messagesPerWindowMax = 256
    /// Messages in a row that save less than a quarter, after which compressing pauses.
    static let poorMax = 8

    private struct Compressor {
        let deflater: Deflater
        var owner = Owner.nobody
        /// Who has this place has the window.
        var place = WindowPlace.none
        var lastUse: UInt64 = 0
        /// What the deflater has seen last was not sent: the next message begins anew.
        var isBroken = true
        /// Stand-alone frames that were sent to those outside since the window began.
        var outside = 0
        /// Who got the last message.
        var members = 0
        var messages = 0
        /// Messages in a row that gained little.
        var poor = 0
        /// Messages that will not be tried, because of those before.
        var pause = 0
        var nextPause = 64
    }

    private enum Owner: Equatable {
        case nobody, peer
        case group(UInt64)
    }

    /// - Parameters:
    ///   - memoryBytesMax: of all states together; below `Deflater.memoryBytes` nothing is
    ///     compressed with a kept window.
    ///   - ledger: where frames that many share are counted.
    public init(memoryBytesMax: Int, ledger: ByteLedger? = nil) {
        self.ledger = ledger
        countMax = min(max(0, memoryBytesMax) / Deflater.memoryBytes, 0xFFFF)
    }

    /// Memory of the states that exist, in bytes.
    public var memoryBytes: Int {
        (compressors.count + (alone == nil ? 0 : 1)) * Deflater.memoryBytes
    }

    // MARK: Stand-alone messages

    /// Whether `message` may be compressed by itself for a peer whose inflater has a window of
    /// 2^`windowBits` bytes: a match never reaches back further than the message.
    public static func fits(messageBytes: Int, windowBits: Int) -> Bool {
        (messageBytesMin...messageBytesMax).contains(messageBytes)
            && (windowBits >= Deflater.windowBits || messageBytes <= 1 << windowBits)
    }

    /// A whole frame whose payload looks back at nothing, or nil where that is no gain. O(n).
    public mutating func standAlone(
        _ opcode: Opcode, _ message: UnsafeRawBufferPointer
    ) -> ByteSlice? {
        if alone == nil { alone = Deflater() }
        guard let alone, deflate(message, by: alone, .fresh) else { return nil }
        return sharedFrame(opcode)
    }

    /// Appends such a frame to `output`.
    /// - Returns: false where the message goes as it is; nothing is appended then.
    public mutating func appendAlone(
        _ opcode: Opcode, _ message: UnsafeRawBufferPointer, to output: inout ByteBuffer
    ) -> Bool {
        if alone == nil { alone = Deflater() }
        guard let alone, deflate(message, by: alone, .fresh) else { return false }
        FrameWriter.append(opcode, payload.readable, to: &output, coding: .deflated)
        return true
    }

    // MARK: One peer

    /// Appends a frame for one peer that keeps its window to `output`, which must then be sent.
    /// - Parameter place: the peer's; changed where a frame is appended.
    /// - Returns: false where the message goes as it is; nothing is appended then.
    public mutating func append(
        _ opcode: Opcode, _ message: UnsafeRawBufferPointer, for place: inout WindowPlace,
        to output: inout ByteBuffer
    ) -> Bool {
        guard (Self.messageBytesMin...Self.messageBytesMax).contains(message.count) else {
            return false
        }
        var index = place.index
        if isCurrent(place) {
            // A group's member: nothing of its own may enter the window.
            guard compressors[index].owner == .peer else { return false }
        } else {
            guard let free = take(for: .peer) else { return false }
            index = free
        }
        guard compress(message, with: index) else { return false }
        place = compressors[index].place
        FrameWriter.append(opcode, payload.readable, to: &output, coding: .deflated)
        return true
    }

    /// Whether a compressor's window is what the peer at `place` has.
    func isCurrent(_ place: WindowPlace) -> Bool {
        place != .none && place.index < compressors.count && compressors[place.index].place == place
    }

    // MARK: A group

    /// A message for a group, compressed once.
    public struct GroupFrame {
        public let frame: ByteSlice
        /// Who is there can read it; where `beginsAnew`, everybody can.
        let before: WindowPlace
        let after: WindowPlace
        public let beginsAnew: Bool
        let group: UInt64
    }

    /// Compresses a message for the group `key`, which is made where there is none; nil where the
    /// message goes to all as it is. Messages of a group must be told in the order of these calls.
    public mutating func frame(
        _ opcode: Opcode, _ message: UnsafeRawBufferPointer, forGroup key: UInt64
    ) -> GroupFrame? {
        guard (Self.messageBytesMin...Self.messageBytesMax).contains(message.count),
            let index = indexByGroup[key] ?? take(for: .group(key))
        else { return nil }
        let before = compressors[index].place
        if compressors[index].outside > 0,
            compressors[index].outside >= compressors[index].members
                || compressors[index].messages >= Self.messagesPerWindowMax
        {
            compressors[index].isBroken = true
        }
        let beginsAnew = compressors[index].isBroken
        guard compress(message, with: index) else { return nil }
        if beginsAnew {
            compressors[index].outside = 0
            compressors[index].messages = 0
        }
        compressors[index].messages += 1
        return GroupFrame(
            frame: sharedFrame(opcode), before: before, after: compressors[index].place,
            beginsAnew: beginsAnew,
            group: key)
    }

    /// Whether the peer at `place` can read `frame`; if so it must be sent, and its place is the
    /// frame's. A member of another group is not asked out of it.
    public func enter(_ frame: borrowing GroupFrame, _ place: inout WindowPlace) -> Bool {
        guard place == frame.before && place != .none || frame.beginsAnew && !isCurrent(place)
        else { return false }
        place = frame.after
        return true
    }

    /// Says who got a group's message, when all have been told: `members` as `frame`, `outside` as
    /// stand-alone frames though they could have been members.
    public mutating func told(_ frame: borrowing GroupFrame, members: Int, outside: Int) {
        guard let index = indexByGroup[frame.group] else { return }
        compressors[index].members = members
        compressors[index].outside += outside
    }

    /// Whether a stand-alone frame may go to the peer at `place`: not to a member, whose window it
    /// would enter. The peer's place is `.none` after it.
    public func mayStandAlone(_ place: WindowPlace) -> Bool {
        !isCurrent(place) || compressors[place.index].owner == .peer
    }

    // MARK: Parts of it

    /// Compresses into `payload` what one compressor's peers are told next.
    private mutating func compress(_ message: UnsafeRawBufferPointer, with index: Int) -> Bool {
        clock += 1
        compressors[index].lastUse = clock
        guard compressors[index].pause == 0 else {
            compressors[index].pause -= 1
            return false
        }
        let context: DeflateParameters.Context =
            compressors[index].isBroken ? .fresh : .takenOver
        let isSmaller = deflate(message, by: compressors[index].deflater, context)
        noteGain(of: message.count, with: index, isSmaller: isSmaller, context)
        guard isSmaller else { return false }
        number += 1
        compressors[index].place = WindowPlace(index: index, number: number)
        return true
    }

    /// Who sends what hardly gets smaller is not compressed for a while, and looked at again. The
    /// first message behind a beginning says little: it has nothing to look back at.
    private mutating func noteGain(
        of messageBytes: Int, with index: Int, isSmaller: Bool,
        _ context: DeflateParameters.Context
    ) {
        let isGood = payload.count <= messageBytes - messageBytes / 4
        compressors[index].isBroken = !isSmaller
        if isGood {
            compressors[index].poor = 0
            compressors[index].nextPause = 64
        } else if context == .takenOver || !isSmaller {
            compressors[index].poor += 1
        }
        guard compressors[index].poor >= Self.poorMax else { return }
        compressors[index].poor = 0
        compressors[index].pause = compressors[index].nextPause
        compressors[index].nextPause = min(1024, compressors[index].nextPause * 2)
        // Members that come back to it begin with a message of their own.
        compressors[index].isBroken = true
    }

    /// - Returns: whether `payload` holds the message, and is smaller.
    private mutating func deflate(
        _ message: UnsafeRawBufferPointer, by deflater: Deflater,
        _ context: DeflateParameters.Context
    ) -> Bool {
        payload.removeAll()
        return deflater.deflate(message, context: context, into: &payload)
            && payload.count < message.count
    }

    /// What `payload` holds, as a frame that send queues share.
    private func sharedFrame(_ opcode: Opcode) -> ByteSlice {
        var frame = ByteBuffer(capacity: payload.count + WebSocketLimits.headerBytesMax)
        FrameWriter.append(opcode, payload.readable, to: &frame, coding: .deflated)
        return frame.finish(charging: ledger)
    }

    /// A compressor for `owner`: a new one, nobody's, or that of one of those who have not needed
    /// theirs for long. Nil where the budget allows none.
    private mutating func take(for owner: Owner) -> Int? {
        let index: Int
        if compressors.count < countMax, let deflater = Deflater() {
            index = compressors.count
            compressors.append(Compressor(deflater: deflater))
        } else {
            guard let oldest = oldestOfSome() else { return nil }
            index = oldest
        }
        if case .group(let key) = compressors[index].owner { indexByGroup[key] = nil }
        compressors[index] = Compressor(deflater: compressors[index].deflater, owner: owner)
        if case .group(let key) = owner { indexByGroup[key] = index }
        return index
    }

    /// The one of eight, chosen at random, that was used longest ago. (The oldest of all would be
    /// the wrong one where more take turns than there are compressors.)
    private mutating func oldestOfSome() -> Int? {
        guard !compressors.isEmpty else { return nil }
        var oldest = Int.max
        for _ in 0..<8 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            let index = Int(random % UInt64(compressors.count))
            if oldest == .max || compressors[index].lastUse < compressors[oldest].lastUse {
                oldest = index
            }
        }
        return oldest
    }
}
