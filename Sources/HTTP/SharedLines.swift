// Field lines that many answers have in common, in memory that all of them share: an answer gets
// them by a reference, and whoever asks what it says looks at an address and at no byte. That is
// sound because an array's memory is changed by its only owner alone, and one owner is here for
// ever: what stands at the address is what was written at the start. Immutable; any thread.

final class SharedLines: Sendable {
    /// What they say. None of them is a field that a browser is told by default (`SafeDefaults`).
    enum Kind {
        case nothing
        /// `Cache-Control: no-store`
        case noStore
        /// `Vary: Accept-Encoding`
        case vary
        case noStoreAndVary
    }

    let noStore = Array("Cache-Control: no-store\r\n".utf8)
    let vary = Array("Vary: Accept-Encoding\r\n".utf8)
    let noStoreAndVary = Array("Cache-Control: no-store\r\nVary: Accept-Encoding\r\n".utf8)

    static let all = SharedLines()

    /// Which of them `lines` is; nil for lines in other memory.
    func kind(of lines: [UInt8]) -> Kind? {
        if Self.isSame(lines, noStore) { return .noStore }
        if Self.isSame(lines, noStoreAndVary) { return .noStoreAndVary }
        return Self.isSame(lines, vary) ? .vary : nil
    }

    @inline(__always)
    private static func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.withUnsafeBytes { one in
            other.withUnsafeBytes { $0.baseAddress == one.baseAddress }
        }
    }
}
