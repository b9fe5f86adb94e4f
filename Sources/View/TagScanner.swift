// Finds the tags of a template: where each begins and ends, its kind and its name (Mustache spec).
// First of the two steps of compiling; it knows delimiters, but not how tags pair or what a line
// is (`TagPairs`, `TemplateCompiler`). Names are ranges into the source; nothing is copied.

import MizuBytes

/// One tag of a template. Offsets are bytes from the start of the source.
struct Tag {
    enum Kind: Equatable {
        case variable, rawVariable, comment, delimiters
        case section, invertedSection, partial, parent, block
        case close
    }

    let kind: Kind
    /// From the opening delimiter to behind the closing one.
    let range: Range<Int>
    /// The content without sigil and surrounding white space; behind the `*` if `isDynamic`.
    let name: Range<Int>
    /// `{{>*name}}`, `{{<*name}}` and the `{{/*name}}` that closes it.
    let isDynamic: Bool

    /// Whether a closing tag must follow.
    var opens: Bool {
        switch kind {
        case .section, .invertedSection, .parent, .block: true
        default: false
        }
    }
}

/// Why a template does not compile, at a byte offset; becomes a `TemplateError` with a place.
struct SyntaxError: Error {
    let offset: Int
    let reason: String
}

struct TagScanner {
    private let source: ByteSlice
    private var offset = 0
    private var open = Array("{{".utf8)
    private var close = Array("}}".utf8)

    init(_ source: ByteSlice) { self.source = source }

    /// All tags of `source` in their order. O(bytes).
    static func tags(of source: ByteSlice) throws(SyntaxError) -> [Tag] {
        var scanner = TagScanner(source)
        var tags: [Tag] = []
        while let start = scanner.find(scanner.open, from: scanner.offset) {
            tags.append(try scanner.tag(at: start))
        }
        return tags
    }

    /// Reads the tag whose opening delimiter stands at `start`, and moves behind it.
    private mutating func tag(at start: Int) throws(SyntaxError) -> Tag {
        let afterOpen = start + open.count
        let sigil = afterOpen < source.count ? source[afterOpen] : UInt8(ascii: " ")
        let kind: Tag.Kind
        var terminator = close
        switch sigil {
        case UInt8(ascii: "!"): kind = .comment
        case UInt8(ascii: "#"): kind = .section
        case UInt8(ascii: "^"): kind = .invertedSection
        case UInt8(ascii: "/"): kind = .close
        case UInt8(ascii: ">"): kind = .partial
        case UInt8(ascii: "<"): kind = .parent
        case UInt8(ascii: "$"): kind = .block
        case UInt8(ascii: "&"): kind = .rawVariable
        case UInt8(ascii: "{"):
            kind = .rawVariable
            terminator = [UInt8(ascii: "}")] + close
        case UInt8(ascii: "="):
            kind = .delimiters
            terminator = [UInt8(ascii: "=")] + close
        default: kind = .variable
        }
        let contentStart = kind == .variable ? afterOpen : afterOpen + 1
        guard let contentEnd = find(terminator, from: contentStart) else {
            let end = String(decoding: terminator, as: UTF8.self)
            throw SyntaxError(offset: start, reason: "tag is not closed: \(end) is missing")
        }
        offset = contentEnd + terminator.count
        let content = trimmed(contentStart..<contentEnd)
        let range = start..<offset
        switch kind {
        case .comment:
            return Tag(kind: kind, range: range, name: content, isDynamic: false)
        case .delimiters:
            try setDelimiters(content, at: start)
            return Tag(kind: kind, range: range, name: content, isDynamic: false)
        default:
            return try named(kind, range, content)
        }
    }

    /// A tag with a name, once the name is found to be one.
    private func named(
        _ kind: Tag.Kind, _ range: Range<Int>, _ content: Range<Int>
    ) throws(SyntaxError) -> Tag {
        var name = content
        var isDynamic = false
        let mayBeDynamic = kind == .partial || kind == .parent || kind == .close
        if mayBeDynamic, !name.isEmpty, source[name.lowerBound] == UInt8(ascii: "*") {
            isDynamic = true
            name = trimmed(name.lowerBound + 1..<name.upperBound)
        }
        guard !name.isEmpty else {
            throw SyntaxError(offset: range.lowerBound, reason: "tag has no name")
        }
        for index in name where isBlank(source[index]) {
            let text = source[name].string
            throw SyntaxError(
                offset: range.lowerBound, reason: "name \"\(text)\" contains white space")
        }
        return Tag(kind: kind, range: range, name: name, isDynamic: isDynamic)
    }

    /// `{{=<% %>=}}`: two runs without white space and `=`, for everything that follows.
    private mutating func setDelimiters(
        _ content: Range<Int>, at start: Int
    ) throws(SyntaxError) {
        let bytes = source[content].array
        let parts = bytes.split { isBlank($0) }
        guard parts.count == 2, !bytes.contains(UInt8(ascii: "=")) else {
            throw SyntaxError(
                offset: start,
                reason: "delimiters must be two, parted by white space, without =: {{=<% %>=}}")
        }
        open = Array(parts[0])
        close = Array(parts[1])
    }

    /// `range` without white space at its ends.
    private func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, isBlank(source[low]) { low += 1 }
        while low < high, isBlank(source[high - 1]) { high -= 1 }
        return low..<high
    }

    /// Where `mark` next stands at or behind `start`.
    private func find(_ mark: [UInt8], from start: Int) -> Int? {
        guard let first = mark.first else { return nil }
        let last = source.count - mark.count
        guard start <= last else { return nil }
        return source.withUnsafeBytes { bytes in
            var index = start
            while index <= last {
                if bytes[index] == first, bytes[index..<index + mark.count].elementsEqual(mark) {
                    return index
                }
                index += 1
            }
            return nil
        }
    }
}

/// Space, tab, line feed, carriage return.
func isBlank(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): true
    default: false
    }
}
