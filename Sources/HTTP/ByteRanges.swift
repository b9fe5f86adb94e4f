// The `Range` field (RFC 9110 §14): which parts of a representation are asked for.
// Many small or overlapping ranges are an old way to make a server work for nothing (§17.15):
// such a request gets the whole, which is always right.

import MizuBytes

/// What a `Range` field asks for.
public enum ByteRanges: Equatable, Sendable {
    /// Another unit, malformed, too many or overlapping: answer as if the field were not there.
    case whole
    /// In the order asked for; at least one, none empty, none overlapping another.
    case parts([Range<Int>])
    /// Well-formed, but nothing of it is there: 416.
    case unsatisfiable

    /// Ranges that one request may ask for; beyond it the whole is sent.
    public static let rangesMax = 16

    /// - Parameter count: bytes of the representation.
    public init(_ field: UnsafeRawBufferPointer, count: Int) {
        guard field.startsIgnoringCase("bytes=") else {
            self = .whole
            return
        }
        var (parts, total, isSound): ([Range<Int>], Int, Bool) = ([], 0, true)
        field.part(6..<field.count).forEachPart(UInt8(ascii: ",")) { text in
            total += 1
            guard total <= ByteRanges.rangesMax, let range = ByteRanges.range(text, count) else {
                isSound = false
                return false
            }
            if !range.isEmpty { parts.append(range) }
            return true
        }
        guard isSound, total > 0, !ByteRanges.overlap(parts) else {
            self = .whole
            return
        }
        self = parts.isEmpty ? .unsatisfiable : .parts(parts)
    }

    /// `first-last`, `first-` or `-suffix`; empty where nothing of it is there, nil if malformed.
    private static func range(_ text: UnsafeRawBufferPointer, _ count: Int) -> Range<Int>? {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let (left, right) = (text.part(0..<dash), text.part(dash + 1..<text.count))
        if left.isEmpty {
            guard let suffix = number(right) else { return nil }
            return count - min(suffix, count)..<count
        }
        guard let first = number(left) else { return nil }
        guard !right.isEmpty else { return min(first, count)..<count }
        guard let last = number(right), last >= first else { return nil }
        guard first < count else { return 0..<0 }
        // `last` is below `count` here, so adding one cannot overflow.
        return first..<min(last, count - 1) + 1
    }

    /// Digits; what does not fit counts as the largest number: behind any end.
    private static func number(_ digits: UnsafeRawBufferPointer) -> Int? {
        switch ASCII.readDecimal(digits) {
        case .number(let number): number
        case .tooLarge: .max
        case .malformed: nil
        }
    }

    private static func overlap(_ parts: [Range<Int>]) -> Bool {
        let sorted = parts.sorted { $0.lowerBound < $1.lowerBound }
        return zip(sorted, sorted.dropFirst()).contains { $0.upperBound > $1.lowerBound }
    }
}
