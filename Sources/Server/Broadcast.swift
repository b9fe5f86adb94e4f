// A publication on its way to this worker's sockets. It is compressed at most twice here, when the
// first socket needs it: once with the window that the group's members share, once by itself for
// those outside (`CompressorTable` has the rule). Every send queue holds the same bytes. What is
// for one socket alone is never part of it.
//
// A service makes one, sends it to each subscriber in turn, over as many ticks as it likes, and
// then says that it has ended. One worker's thread.

import MizuBytes
import MizuEventLoop
import MizuTransport
import MizuWebSocket

/// One publication, one group of subscribers, one worker.
public struct Broadcast {
    public let publication: Publication
    /// Who is told the same in the same order; nil where nobody else is.
    let group: UInt64?
    let tag: SendQueue.Tag
    private let compresses: Bool
    private var groupFrame = Attempt<CompressorTable.GroupFrame>.untried
    private var aloneFrame = Attempt<ByteSlice>.untried
    private var members = 0
    private var outside = 0

    private enum Attempt<Frame> {
        case untried, failed
        case made(Frame)
    }

    /// - Parameters:
    ///   - group: names those who are told the same in the same order, for example the subscribers
    ///     of a topic. All of this worker's broadcasts to a group must be sent one after the other.
    ///   - tag: other than 0: names what `Worker.dropQueued` may drop before it is sent.
    ///   - compresses: false: it goes to everybody as it is and enters no window. For what its
    ///     sizes must not be compared with.
    public init(
        _ publication: Publication, group: UInt64?, tag: UInt32 = 0, compresses: Bool = true
    ) {
        self.publication = publication
        self.group = group
        self.tag = tag
        self.compresses = compresses
    }

    /// Sends it to one of its sockets.
    public mutating func send(to recipient: borrowing Recipient, on worker: Worker) {
        let connection = recipient.connection
        guard recipient.isOpen else { return }
        guard connection.deflate.isAgreed, compresses else {
            return worker.tell(publication.frame, to: connection, tag: tag)
        }
        let frame = frame(for: connection, by: &worker.state.pointee.compressors)
        worker.tell(frame, to: connection, tag: tag)
    }

    /// The frame for a connection that agreed on permessage-deflate.
    private mutating func frame(
        for connection: Connection, by compressors: inout CompressorTable
    ) -> ByteSlice {
        let deflate = connection.deflate
        let mayJoin = deflate.keepsWindow && group != nil
        if mayJoin, let group {
            if case .untried = groupFrame {
                let frame = publication.payload.withUnsafeBytes {
                    compressors.frame(.text, $0, forGroup: group)
                }
                groupFrame = frame.map { .made($0) } ?? .failed
            }
            // What cannot be compressed in company cannot be compressed alone.
            guard case .made(let frame) = groupFrame else { return publication.frame }
            if compressors.enter(frame, &connection.state.pointee.window) {
                members += 1
                return frame.frame
            }
        }
        guard deflate.fits(publication.payload.count),
            compressors.mayStandAlone(connection.window)
        else { return publication.frame }
        if case .untried = aloneFrame {
            let frame = publication.payload.withUnsafeBytes {
                compressors.standAlone(.text, $0)
            }
            aloneFrame = frame.map { .made($0) } ?? .failed
        }
        if mayJoin { outside += 1 }
        guard case .made(let frame) = aloneFrame else { return publication.frame }
        connection.window = .none
        return frame
    }

    /// All have been told.
    func end(_ compressors: inout CompressorTable) {
        guard case .made(let frame) = groupFrame else { return }
        compressors.told(frame, members: members, outside: outside)
    }
}

/// What a connection agreed on of permessage-deflate, in a byte.
struct DeflateUse: Equatable {
    private let bits: UInt8

    static let none = DeflateUse(bits: 0)

    private init(bits: UInt8) { self.bits = bits }

    init(_ extensions: AgreedExtensions) {
        switch extensions {
        case .none: bits = 0
        case .deflate(let parameters):
            let keeps: UInt8 = parameters.server == .takenOver ? 0x40 : 0
            let peerKeeps: UInt8 = parameters.client == .takenOver ? 0x20 : 0
            bits =
                0x80 | keeps | peerKeeps
                | UInt8(truncatingIfNeeded: parameters.serverWindowBits & 0xF)
        }
    }

    var isAgreed: Bool { bits & 0x80 != 0 }
    private var windowBits: Int { Int(bits & 0xF) }
    /// Whether a compressor's window may be kept for it.
    var keepsWindow: Bool { bits & 0x40 != 0 && windowBits >= Deflater.windowBits }
    /// Whether what the peer compresses looks back into its earlier messages.
    var peerKeepsWindow: Bool { bits & 0x20 != 0 }
    /// Whether it can read any compressed message of that length that looks back at no other.
    func reads(messageBytes: Int) -> Bool {
        isAgreed && (windowBits == 15 || messageBytes <= 1 << windowBits)
    }
    /// Whether a message of that length can be compressed by itself.
    func fits(_ bytes: Int) -> Bool {
        isAgreed && CompressorTable.fits(messageBytes: bytes, windowBits: windowBits)
    }
}
