// Chooses a content coding by `Accept-Encoding` (RFC 9110 §12.4.2, §12.5.3). Only gzip is made.

import MizuBytes

/// How content is sent.
public enum ContentCoding: Sendable, Equatable {
    case identity, gzip

    /// What the request prefers. Gzip where it is named, or meant by `*`, with a weight that is
    /// not 0 and not below a weight that `identity` was given. A request that accepts neither gets
    /// identity: an answer that may be unreadable is better than none (§12.5.3 allows both).
    public static func preferred(by request: borrowing Request) -> ContentCoding {
        var weights = Weights()
        request.forEachValue(of: "accept-encoding") { weights.read($0) }
        return weights.choice
    }

    struct Weights {
        /// In thousandths; nil where not named.
        var gzip: Int?
        var identity: Int?
        var any: Int?

        mutating func read(_ value: UnsafeRawBufferPointer) {
            value.forEachPart(UInt8(ascii: ",")) { member in
                let end = member.firstIndex(of: UInt8(ascii: ";")) ?? member.count
                let coding = member.part(0..<end).trimmed
                let weight = Weights.weight(member.part(end..<member.count))
                if coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") {
                    gzip = max(gzip ?? 0, weight)
                } else if coding.equalsIgnoringCase("identity") {
                    identity = weight
                } else if coding.equals("*") {
                    any = weight
                }
                return true
            }
        }

        var choice: ContentCoding {
            guard let offered = gzip ?? any, offered > 0 else { return .identity }
            return offered >= (identity ?? 0) ? .gzip : .identity
        }

        /// `;q=0.5` in thousandths; 1000 without one, 0 for a malformed one.
        static func weight(_ parameters: UnsafeRawBufferPointer) -> Int {
            var weight = 1_000
            parameters.forEachPart(UInt8(ascii: ";")) { parameter in
                guard parameter.startsIgnoringCase("q=") else { return true }
                weight = thousandths(parameter.part(2..<parameter.count))
                return false
            }
            return weight
        }

        /// `0[.ddd]` or `1[.000]` (§12.4.2).
        private static func thousandths(_ value: UnsafeRawBufferPointer) -> Int {
            guard (1...5).contains(value.count), value[0] == 0x30 || value[0] == 0x31,
                value.count == 1 || value[1] == UInt8(ascii: ".")
            else { return 0 }
            var sum = Int(value[0] &- 0x30) * 1_000
            var scale = 100
            for digit in value.dropFirst(2) {
                guard ASCII.isDigit(digit) else { return 0 }
                sum += Int(digit &- 0x30) * scale
                scale /= 10
            }
            return sum <= 1_000 ? sum : 0
        }
    }
}
