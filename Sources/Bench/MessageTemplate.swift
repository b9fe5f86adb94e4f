// Messages that are all alike and all different: a text with places of a fixed width. Each message
// is known from its numbers alone, so it can be checked without being kept.
//
//   {seq}         number of the message, 10 digits      {run}    8 letters, new in each run
//   {connection}  number of its connection, 7 digits    {topic}, {scope}, …  names, filled in once
//   {pad}         random letters that fill the message up to its size; at most one
//
// Braces around other words stand for themselves, so JSON needs no escapes.

import MizuBytes

/// A message with places for numbers.
public struct MessageTemplate: Sendable {
    /// The message with zeros in its places.
    private let image: [UInt8]
    private let places: [Place]
    private let pad: Range<Int>

    private struct Place: Sendable {
        let offset: Int
        let kind: Kind
        enum Kind: Sendable { case sequence, connection }
        var width: Int {
            kind == .sequence ? MessageTemplate.sequenceWidth : MessageTemplate.connectionWidth
        }
    }

    public static let sequenceWidth = 10
    public static let connectionWidth = 7
    /// Messages with a number above it cannot be told apart.
    public static let sequenceMax = 9_999_999_999

    /// - Parameters:
    ///   - names: what is filled in now, `topic` for `{topic}`.
    ///   - size: bytes of a message that has a `{pad}`.
    public init(
        _ text: String, names: [(name: String, value: String)] = [], size: Int = 0
    ) throws(BenchFailure) {
        var (image, places) = ([UInt8](), [Place]())
        var padAt: Int?
        var rest = Substring(text)
        while let brace = rest.firstIndex(of: "{") {
            image.append(contentsOf: rest[..<brace].utf8)
            rest = rest[brace...]
            if rest.hasPrefix("{seq}") {
                places.append(Place(offset: image.count, kind: .sequence))
                image.append(contentsOf: repeatElement(0x30, count: Self.sequenceWidth))
                rest = rest.dropFirst(5)
            } else if rest.hasPrefix("{connection}") {
                places.append(Place(offset: image.count, kind: .connection))
                image.append(contentsOf: repeatElement(0x30, count: Self.connectionWidth))
                rest = rest.dropFirst(12)
            } else if rest.hasPrefix("{pad}") {
                guard padAt == nil else { throw .usage("a template has one {pad} at most") }
                padAt = image.count
                rest = rest.dropFirst(5)
            } else if let (name, value) = names.first(where: { rest.hasPrefix("{\($0.name)}") }) {
                image.append(contentsOf: value.utf8)
                rest = rest.dropFirst(name.count + 2)
            } else {
                image.append(UInt8(ascii: "{"))
                rest = rest.dropFirst()
            }
        }
        image.append(contentsOf: rest.utf8)
        pad = try Self.insertPad(at: padAt, size: size, into: &image, moving: &places)
        self.image = image
        self.places = places
    }

    private static func insertPad(
        at offset: Int?, size: Int, into image: inout [UInt8], moving places: inout [Place]
    ) throws(BenchFailure) -> Range<Int> {
        guard let offset else { return 0..<0 }
        let count = max(0, size - image.count)
        guard count <= Padding.bytesMax else {
            throw .usage("a message has at most \(Padding.bytesMax) bytes of {pad}")
        }
        image.insert(contentsOf: repeatElement(0x30, count: count), at: offset)
        places = places.map { place in
            place.offset < offset ? place : Place(offset: place.offset + count, kind: place.kind)
        }
        return offset..<offset + count
    }

    /// Bytes of every message.
    public var count: Int { image.count }
    /// Where the message's number stands, if it has one.
    public var sequenceOffset: Int? { places.first { $0.kind == .sequence }?.offset }
    /// Whether two messages of a connection differ.
    public var isNumbered: Bool { sequenceOffset != nil }

    /// Appends message `sequence` of `connection`.
    @inline(__always)
    public func append(sequence: Int, connection: Int, to buffer: inout ByteBuffer) {
        buffer.reserve(image.count)
        image.withUnsafeBytes { buffer.append($0) }
        let bytes = buffer.mutableReadable
        let start = bytes.count - image.count
        let message = bytes.mutablePart(start...)
        for place in places {
            let value = place.kind == .sequence ? sequence : connection
            Self.write(value, width: place.width, to: message, at: place.offset)
        }
        guard !pad.isEmpty else { return }
        message.mutablePart(pad)
            .copyMemory(from: Padding.part(pad.count, salt: sequence &+ connection &* 7919))
    }

    /// Whether `bytes` are exactly message `sequence` of `connection`.
    @inline(__always)
    public func matches(
        _ bytes: UnsafeRawBufferPointer, sequence: Int, connection: Int,
        scratch: inout ByteBuffer
    ) -> Bool {
        guard bytes.count == image.count else { return false }
        scratch.removeAll()
        append(sequence: sequence, connection: connection, to: &scratch)
        return ASCII.equal(bytes, scratch.readable)
    }

    /// The number that stands in `bytes`, which may be any; nil if there are no digits.
    public func sequence(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let offset = sequenceOffset, bytes.count >= offset + Self.sequenceWidth else {
            return nil
        }
        return ASCII.decimal(
            bytes.part(offset..<offset + Self.sequenceWidth))
    }

    /// The number of the connection that stands in `bytes`, which may be any.
    public func connection(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let place = places.first(where: { $0.kind == .connection }),
            bytes.count >= place.offset + place.width
        else { return nil }
        return ASCII.decimal(
            bytes.part(place.offset..<place.offset + place.width))
    }

    @inline(__always)
    private static func write(
        _ number: Int, width: Int, to bytes: UnsafeMutableRawBufferPointer, at offset: Int
    ) {
        var rest = number.magnitude
        var index = offset + width
        while index > offset {
            index -= 1
            bytes[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            // The image has zeros already.
            if rest == 0 { return }
        }
    }
}

/// Letters that look random and are known: a message takes its part from a place that its number
/// names.
enum Padding {
    static let bytesMax = 1 << 20
    private static let places = 1 << 16

    private static let letters = SharedBytes(count: bytesMax + places) { bytes in
        let alphabet: StaticString =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
        var random = RandomNumbers(seed: 0x6D69_7A75)
        for index in bytes.indices {
            bytes[index] = alphabet.utf8Start[Int(truncatingIfNeeded: random.next() >> 58)]
        }
    }

    @inline(__always)
    static func part(_ count: Int, salt: Int) -> UnsafeRawBufferPointer {
        let place = (salt &* 40_503) & (places - 1)
        return UnsafeRawBufferPointer(
            start: letters.base + place, count: min(count, bytesMax))
    }
}

/// Fast numbers without a secret (the recurrence of SplitMix64): masks and padding.
struct RandomNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    @inline(__always)
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
