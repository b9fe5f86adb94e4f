// Chooses a content coding by `Accept-Encoding` (RFC 9110 §12.4.2, §12.5.3). Answers that are made
// for one request are sent by gzip; files may also have been packed by brotli before (RFC 7932).

import MizuBytes

/// How content is sent.
public enum ContentCoding: Sendable, Equatable {
    case identity, gzip, brotli

    /// Its name in `Content-Encoding`.
    var name: StaticString {
        switch self {
        case .identity: "identity"
        case .gzip: "gzip"
        case .brotli: "br"
        }
    }

    /// What the request prefers of gzip and identity. Gzip where it is named, or meant by `*`, with
    /// a weight that is not 0 and not below a weight that `identity` was given. A request that
    /// accepts neither gets identity: an answer that may be unreadable is better than none (§12.5.3
    /// allows both).
    public static func preferred(by request: borrowing Request) -> ContentCoding {
        var weights = Weights()
        request.forEachValue(of: "accept-encoding") { weights.read($0) }
        return weights.choice
    }

    struct Weights {
        /// In thousandths; nil where not named.
        var brotli: Int?
        var gzip: Int?
        var identity: Int?
        var any: Int?

        /// Adds the members of one line.
        mutating func read(_ value: UnsafeRawBufferPointer) {
            var start = 0
            while start < value.count {
                var (end, semicolon) = (start, -1)
                while end < value.count, value[end] != UInt8(ascii: ",") {
                    if semicolon < 0, value[end] == UInt8(ascii: ";") { semicolon = end }
                    end += 1
                }
                let coding = value.part(start..<(semicolon < 0 ? end : semicolon)).trimmed
                let weight =
                    semicolon < 0 ? 1_000 : Weights.weight(value.part(semicolon..<end))
                note(coding, weight)
                start = end + 1
            }
        }

        private mutating func note(_ coding: UnsafeRawBufferPointer, _ weight: Int) {
            switch coding.count {
            case 1 where coding[0] == UInt8(ascii: "*"): any = weight
            case 2 where coding.equalsIgnoringCase("br"): brotli = max(brotli ?? 0, weight)
            case 4 where coding.equalsIgnoringCase("gzip"),
                6 where coding.equalsIgnoringCase("x-gzip"):
                gzip = max(gzip ?? 0, weight)
            case 8 where coding.equalsIgnoringCase("identity"): identity = weight
            default: break
            }
        }

        /// The same where content packed by brotli is there, too. Brotli has to be named: whoever
        /// says `*` takes gzip as well, which everything can read. Of equal weights brotli is
        /// taken, because it is smaller.
        var choiceWithBrotli: ContentCoding {
            guard let brotli, brotli > 0, brotli >= (gzip ?? any ?? 0), brotli >= (identity ?? 0)
            else { return choice }
            return .brotli
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
