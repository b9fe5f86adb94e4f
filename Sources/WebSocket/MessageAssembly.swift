// A message that does not lie whole in the caller's buffer: large, in fragments, or cut by a read.
// Owns its bytes from the first part to the last, then gives them away; lives no longer. One that
// is passed over has none: its frames are followed to their end and what is in them is left alone.

import MizuBytes

final class MessageAssembly {
    let kind: MessageKind
    /// The payload is to be inflated; only then can its text be checked.
    let isCompressed: Bool
    /// Data frames begun so far.
    private(set) var frames = 0
    /// Nobody wants the message.
    let isPassedOver: Bool
    private var passedBytes = 0
    private var bytes: ByteBuffer
    private var validator = UTF8Validator()
    private var end = FrameEnd.more
    private var key: UInt32 = 0
    /// Of the frame under way: payload bytes taken and still to come.
    private var frameTaken = 0
    private var frameLeft = 0
    /// Whether a header was read whose payload, perhaps empty, is not done with.
    private(set) var isInsideFrame = false

    enum Step {
        /// All of the input went into the frame, which goes on.
        case frameGoesOn
        /// The frame is done, the message goes on; `taken` bytes of the input were the frame's.
        case frameEnded(taken: Int)
        case messageEnded(taken: Int)
        case reject(WebSocketError)
    }

    /// Starts with the message's first frame.
    /// - Parameter bytesHere: how much of the payload, or more, has arrived. Memory follows what
    ///   arrived and not what was announced: a header alone must not cost us a megabyte.
    init(kind: MessageKind, bytesHere: Int, header: FrameHeader) {
        self.kind = kind
        isCompressed = header.isCompressed
        let arrived = min(bytesHere, header.payloadBytes)
        let capacity = min(header.payloadBytes, max(arrived, 512))
        bytes = ByteBuffer(capacity: capacity)
        isPassedOver = false
        begin(header)
    }

    /// Starts to pass over a message.
    init(passingOver header: FrameHeader) {
        kind = .binary
        isCompressed = header.isCompressed
        bytes = ByteBuffer(capacity: 1)
        isPassedOver = true
        begin(header)
    }

    /// Payload bytes of the message so far.
    var count: Int { isPassedOver ? passedBytes : bytes.count }
    var capacityBytes: Int { bytes.capacity }

    /// Goes on with the frame whose header was just read.
    func begin(_ header: FrameHeader) {
        assert(!isInsideFrame, "a frame began inside a frame")
        frames += 1
        end = header.end
        key = header.key
        frameTaken = 0
        frameLeft = header.payloadBytes
        isInsideFrame = true
    }

    /// Takes what `input` holds of the frame's payload, unmasking it in place first.
    func take(_ input: UnsafeMutableRawBufferPointer) -> Step {
        let taken = min(frameLeft, input.count)
        if isPassedOver {
            passedBytes += taken
        } else {
            let part = input.mutablePart(..<taken)
            Mask.apply(key, to: part, from: frameTaken)
            if isCheckedText, !validator.feed(UnsafeRawBufferPointer(part)) {
                return .reject(.badText)
            }
            bytes.append(UnsafeRawBufferPointer(part))
        }
        frameTaken += taken
        frameLeft -= taken
        guard frameLeft == 0 else { return .frameGoesOn }
        isInsideFrame = false
        guard end == .final else { return .frameEnded(taken: taken) }
        guard !isCheckedText || validator.isComplete else { return .reject(.badText) }
        return .messageEnded(taken: taken)
    }

    private var isCheckedText: Bool { kind == .text && !isCompressed }

    /// Gives the message's bytes away without copying them.
    func takePayload() -> ByteSlice { bytes.takeSlice(leaving: 1) }
}
