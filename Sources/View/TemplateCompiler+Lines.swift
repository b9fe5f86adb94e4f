// The rules of lines (Mustache spec, "standalone" and the inheritance module):
// - A tag that writes nothing and is alone on its line takes the line with it.
// - A partial or parent alone on its line indents each line of what it includes.
// - An argument loses the indentation of its first line where it is defined, and takes on that of
//   the block where it is put in.
// To indent at render time costs a mark for each line of static text (`lineStarts`), and nothing
// for pages that need none.

import MizuBytes

extension TemplateCompiler {
    /// The thing that follows a run of text.
    enum Follower {
        /// Something that belongs to the same line: a line that is empty so far has begun.
        case content
        /// The end, or a tag that takes its line with it.
        case nothing
    }

    /// Compiles the text before `tag`, moves behind the tag, or behind its line if it stands alone
    /// there, and says how its content is indented.
    mutating func place(_ tag: Tag) -> Template.Indentation {
        guard lineStart(before: tag.range.lowerBound) != nil,
            let next = nextLine(after: tag.range.upperBound)
        else {
            text(upTo: tag.range.lowerBound, before: .content)
            offset = tag.range.upperBound
            return .inline
        }
        let indentation = placeOnOwnLine(tag)
        offset = next
        return indentation
    }

    /// Compiles the text up to the line of `tag`, before which only white space stands there.
    mutating func placeOnOwnLine(_ tag: Tag) -> Template.Indentation {
        let start = tag.range.lowerBound
        let line = lineStart(before: start) ?? start
        text(upTo: line, before: .nothing)
        return .lines(withoutDedent(line..<start))
    }

    /// Compiles the source from `offset` up to `end` as static text, without the white space
    /// that its lines lose, with a mark where each begins.
    mutating func text(upTo end: Int, before follower: Follower) {
        defer { offset = max(offset, end) }
        guard emits else { return }
        let prefix = dedent
        var position = offset
        while position < end {
            if isLineStart(position) {
                markLine()
                position += matching(prefix, position..<end)
            }
            var next = position
            while next < end, source[next] != UInt8(ascii: "\n") { next += 1 }
            if next < end { next += 1 }
            append(position..<next)
            position = next
        }
        // A line that begins with a tag begins here too; `offset` lies behind the last tag, so no
        // line is marked twice.
        if follower == .content, offset <= end, isLineStart(end) { markLine() }
    }

    /// Notes that a line of the template begins at the end of the text so far.
    mutating func markLine() {
        guard emits else { return }
        withText { run, parts in
            parts.lineStarts.append(parts.statics.count)
            run.lines = run.lines.lowerBound..<parts.lineStarts.count
        }
    }

    private mutating func append(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let bytes = source[range]
        withText { run, parts in
            bytes.withUnsafeBytes { parts.statics.append(contentsOf: $0) }
            run.bytes = run.bytes.lowerBound..<parts.statics.count
        }
    }

    /// Changes the text operation at the end, after adding one where there is none to go on with.
    private mutating func withText(_ body: (inout Template.TextRun, inout CompiledParts) -> Void) {
        var run = Template.TextRun(
            bytes: parts.statics.count..<parts.statics.count,
            lines: parts.lineStarts.count..<parts.lineStarts.count)
        if parts.operations.count > textBarrier, case .text(let last) = parts.operations.last {
            run = last
            parts.operations.removeLast()
        }
        body(&run, &parts)
        emit(.text(run))
    }

    // MARK: - Questions about the source

    func isLineStart(_ position: Int) -> Bool {
        position == 0 || source[position - 1] == UInt8(ascii: "\n")
    }

    /// The start of the line, if only spaces and tabs stand between that and `position`.
    func lineStart(before position: Int) -> Int? {
        var index = position
        while index > 0 {
            switch source[index - 1] {
            case UInt8(ascii: "\n"): return index
            case UInt8(ascii: " "), UInt8(ascii: "\t"): index -= 1
            default: return nil
            }
        }
        return 0
    }

    /// The start of the next line (or the end of the source), if only spaces and tabs come before
    /// that.
    func nextLine(after position: Int) -> Int? {
        var index = position
        while index < source.count {
            switch source[index] {
            case UInt8(ascii: "\n"): return index + 1
            case UInt8(ascii: "\r"):
                guard index + 1 < source.count, source[index + 1] == UInt8(ascii: "\n") else {
                    return nil
                }
                return index + 2
            case UInt8(ascii: " "), UInt8(ascii: "\t"): index += 1
            default: return nil
            }
        }
        return index
    }

    /// The start of an argument's content: on the next line, if nothing follows on this one.
    func bodyStart(after tag: Tag) -> Int {
        nextLine(after: tag.range.upperBound) ?? tag.range.upperBound
    }

    /// The white space before the first line in `range` that is not blank; `nil` if all are.
    func indentation(ofLinesIn range: Range<Int>) -> [UInt8]? {
        var start = range.lowerBound
        for index in range {
            switch source[index] {
            case UInt8(ascii: "\n"): start = index + 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): continue
            default: return source[start..<index].array
            }
        }
        // Only white space before the closing tag, which takes its line with it.
        return nil
    }

    /// How many bytes at the start of `range` agree with `prefix`.
    private func matching(_ prefix: [UInt8], _ range: Range<Int>) -> Int {
        var count = 0
        while count < prefix.count, count < range.count,
            source[range.lowerBound + count] == prefix[count]
        {
            count += 1
        }
        return count
    }

    func withoutDedent(_ range: Range<Int>) -> [UInt8] {
        Array(source[range].array.dropFirst(matching(dedent, range)))
    }

    func withoutDedent(_ whiteSpace: [UInt8]) -> [UInt8] {
        let common = zip(whiteSpace, dedent).prefix { $0 == $1 }.count
        return Array(whiteSpace.dropFirst(common))
    }
}
