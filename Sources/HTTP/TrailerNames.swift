// Which field names may not stand in a trailer section: those that frame a message or route it (RFC
// 9110 §6.5.1). We drop trailers, but whoever merges them into the head would see another message.
// Compared byte by byte as they arrive, so that no name is kept.

import MizuBytes

/// A trailer's name while it arrives.
struct TrailerNames: Sendable {
    /// The names that the bytes so far could begin, a bit each.
    private var candidates: UInt8 = 0b111
    private var count = 0

    private static func name(_ index: Int) -> StaticString {
        switch index {
        case 0: "content-length"
        case 1: "transfer-encoding"
        default: "host"
        }
    }

    mutating func take(_ byte: UInt8) {
        defer { count += 1 }
        guard candidates != 0 else { return }
        for index in 0..<3 {
            let name = Self.name(index)
            let isNext =
                count < name.utf8CodeUnitCount && name.utf8Start[count] == byte.lowered
            if !isNext { candidates &= ~(1 << UInt8(index)) }
        }
    }

    /// Whether the bytes are one of the names.
    var isForbidden: Bool {
        (0..<3).contains { index in
            candidates & (1 << UInt8(index)) != 0 && count == Self.name(index).utf8CodeUnitCount
        }
    }
}
