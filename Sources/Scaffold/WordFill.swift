// Replaces words of a template by those of an app, in one pass over the bytes: what was put in is
// not looked at again, so a title that contains a template's name changes nothing else. Knows no
// syntax; texts that could mean something where they land were refused before.

struct WordFill: Sendable {
    struct Replacement: Sendable {
        let word: [UInt8]
        let text: [UInt8]
    }

    /// The longest first: where two words fit, the longer is meant.
    private let replacements: [Replacement]

    init(_ pairs: [(word: String, text: String)]) {
        replacements = pairs.filter { !$0.word.isEmpty }
            .map { Replacement(word: Array($0.word.utf8), text: Array($0.text.utf8)) }
            .sorted { $0.word.count > $1.word.count }
    }

    /// The bytes with every word replaced. O(bytes × words).
    func fill(_ bytes: [UInt8], escaping: Escaping = .none) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 256)
        var at = 0
        scan: while at < bytes.count {
            for replacement in replacements
            where bytes[at] == replacement.word[0] && bytes[at...].starts(with: replacement.word) {
                result += escaping.apply(to: replacement.text)
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

    /// What a file's kind asks of a text that is put into it.
    enum Escaping: Sendable {
        case none, html

        static func of(path: String) -> Escaping {
            path.hasSuffix(".html") || path.hasSuffix(".svg") ? .html : .none
        }

        func apply(to text: [UInt8]) -> [UInt8] {
            guard self == .html, text.contains(UInt8(ascii: "&")) else { return text }
            return text.flatMap { $0 == UInt8(ascii: "&") ? Array("&amp;".utf8) : [$0] }
        }
    }
}
