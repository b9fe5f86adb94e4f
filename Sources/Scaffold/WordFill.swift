// Replaces words of a template by those of an app, in one pass over the bytes: what was put in is
// not looked at again, so a title that contains a template's name changes nothing else. Knows no
// syntax: `Quoting` does.

struct WordFill: Sendable {
    struct Replacement: Sendable {
        let word: [UInt8]
        let text: [UInt8]
    }

    /// The longest first: if two words fit, the longer is meant.
    private let replacements: [Replacement]

    init(_ pairs: [(word: String, text: String)]) {
        replacements = pairs.filter { !$0.word.isEmpty }
            .map { Replacement(word: Array($0.word.utf8), text: Array($0.text.utf8)) }
            .sorted { $0.word.count > $1.word.count }
    }

    /// The bytes with every word replaced. O(bytes × words).
    func fill(_ bytes: [UInt8], quoting: Quoting = .none) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 256)
        var at = 0
        scan: while at < bytes.count {
            for replacement in replacements
            where bytes[at] == replacement.word[0] && bytes[at...].starts(with: replacement.word) {
                result += quoting.apply(to: replacement.text)
                at += replacement.word.count
                continue scan
            }
            result.append(bytes[at])
            at += 1
        }
        return result
    }

    func fill(_ text: String) -> String {
        String(decoding: fill(Array(text.utf8)), as: UTF8.self)
    }
}
