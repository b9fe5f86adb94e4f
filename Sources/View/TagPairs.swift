// Finds the closing tag of each opening one, and refuses tags that do not pair.
// Between scanning and compiling: whether a parent tag stands alone on its lines depends on what
// follows its closing tag, so pairs must be known before the first byte is compiled.

import MizuBytes

struct TagPairs {
    /// For the index of an opening tag, the index of its closing tag.
    private(set) var closing: [Int: Int] = [:]

    init(_ tags: [Tag], of source: ByteSlice, nestingMax: Int) throws(SyntaxError) {
        var open: [Int] = []
        for (index, tag) in tags.enumerated() {
            if tag.opens {
                if tag.kind == .block {
                    try TagPairs.checkPlace(ofBlockAt: index, in: open, tags, of: source)
                }
                open.append(index)
                guard open.count <= nestingMax else {
                    throw SyntaxError(
                        offset: tag.range.lowerBound,
                        reason: "more than \(nestingMax) sections and blocks in each other")
                }
            } else if tag.kind == .close {
                guard let last = open.popLast() else {
                    throw SyntaxError(
                        offset: tag.range.lowerBound,
                        reason: "\"\(tag.title(in: source))\" is closed but was not opened")
                }
                guard TagPairs.areEqual(tags[last], tag, in: source) else {
                    let expected = tags[last].described(in: source)
                    throw SyntaxError(
                        offset: tag.range.lowerBound,
                        reason: "\"\(tag.title(in: source))\" is closed while \(expected) is open")
                }
                closing[last] = index
            }
        }
        if let last = open.last {
            throw SyntaxError(
                offset: tags[last].range.lowerBound,
                reason: "\(tags[last].described(in: source)) is not closed")
        }
    }

    /// A block inside a section inside a parent would vanish without a word: only what stands
    /// directly inside a parent is passed on to it.
    private static func checkPlace(
        ofBlockAt index: Int, in open: [Int], _ tags: [Tag], of source: ByteSlice
    ) throws(SyntaxError) {
        var section: Tag?
        for outer in open.reversed().lazy.map({ tags[$0] }) {
            switch outer.kind {
            case .section, .invertedSection:
                section = section ?? outer
            case .parent:
                guard let section else { return }
                throw SyntaxError(
                    offset: tags[index].range.lowerBound,
                    reason: "\(tags[index].described(in: source)) stands in "
                        + "\(section.described(in: source)): a parent takes only blocks that "
                        + "stand directly inside it")
            default:
                return
            }
        }
    }

    private static func areEqual(_ open: Tag, _ close: Tag, in source: ByteSlice) -> Bool {
        open.isDynamic == close.isDynamic && source[open.name] == source[close.name]
    }
}

extension Tag {
    /// The name as written, with the `*` of a dynamic one.
    func title(in source: ByteSlice) -> String {
        (isDynamic ? "*" : "") + source[name].string
    }

    /// The tag's name in errors: `section "todos"`.
    func described(in source: ByteSlice) -> String {
        let noun =
            switch kind {
            case .section: "section"
            case .invertedSection: "inverted section"
            case .partial: "partial"
            case .parent: "parent"
            case .block: "block"
            default: "tag"
            }
        return "\(noun) \"\(title(in: source))\""
    }
}
