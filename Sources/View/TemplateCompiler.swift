// Turns tags and the text between them into the operations of a template.
// Second step of compiling: what stands inside what, which text is passed on to parents, names.
// The rules of lines (standalone tags, indentation) are in `TemplateCompiler+Lines.swift`.

import MizuBytes

struct TemplateCompiler {
    let source: ByteSlice
    let tags: [Tag]
    let pairs: TagPairs
    var parts = CompiledParts()
    /// The offset of the source that is not compiled yet.
    var offset = 0
    /// The opening tags around `offset`, outermost first.
    var frames: [Frame] = []
    /// Text may be added to the last operation only if that stands at or behind this index:
    /// an operation in between begins or ends here.
    var textBarrier = 0

    /// An opening tag whose closing one is not reached.
    struct Frame {
        enum Kind {
            case section, parent(reference: Int), block, argument
        }

        let kind: Kind
        let tag: Tag
        /// The operation whose `end` is set by the closing tag; for an argument, its first one.
        let operation: Int
        /// Whether the content becomes operations. What stands in a parent outside of its blocks
        /// does not.
        let emits: Bool
        /// White space that each line of the content loses: an argument's own indentation.
        let dedent: [UInt8]
        /// Whether the line that ends with the closing tag of a parent goes with it.
        var takesLastLine = false
        /// The arguments of a parent so far.
        var arguments: [Template.Argument] = []
    }

    var emits: Bool { frames.last?.emits ?? true }
    var dedent: [UInt8] { frames.last?.dedent ?? [] }

    /// Compiles `source`. O(bytes + tags).
    static func compile(
        _ source: ByteSlice, limits: ViewLimits
    ) throws(SyntaxError) -> CompiledParts {
        guard source.count <= limits.templateBytesMax else {
            throw SyntaxError(
                offset: 0, reason: "template is larger than \(limits.templateBytesMax) bytes")
        }
        let tags = try TagScanner.tags(of: source)
        let pairs = try TagPairs(tags, of: source, nestingMax: limits.nestingMax)
        var compiler = TemplateCompiler(source: source, tags: tags, pairs: pairs)
        for index in tags.indices { try compiler.compile(tagAt: index) }
        compiler.text(upTo: source.count, before: .nothing)
        return compiler.parts
    }

    private init(source: ByteSlice, tags: [Tag], pairs: TagPairs) {
        self.source = source
        self.tags = tags
        self.pairs = pairs
    }

    private mutating func compile(tagAt index: Int) throws(SyntaxError) {
        let tag = tags[index]
        switch tag.kind {
        case .variable, .rawVariable:
            text(upTo: tag.range.lowerBound, before: .content)
            offset = tag.range.upperBound
            guard emits else { return }
            let path = try self.path(of: tag)
            emit(tag.kind == .variable ? .escaped(path: path) : .raw(path: path))
        case .comment, .delimiters:
            _ = place(tag)
        case .section, .invertedSection:
            try openSection(tag)
        case .partial:
            let indentation = place(tag)
            guard emits else { return }
            let reference = try self.reference(.partial, tag, indentation)
            emit(.partial(reference: reference))
        case .parent:
            try openParent(tag, closing: tags[pairs.closing[index, default: index]])
        case .block:
            let close = tags[pairs.closing[index, default: index]]
            if case .parent = frames.last?.kind {
                try openArgument(tag, closing: close)
            } else {
                openBlock(tag, closing: close)
            }
        case .close:
            close(tag)
        }
    }

    // MARK: - Opening

    private mutating func openSection(_ tag: Tag) throws(SyntaxError) {
        _ = place(tag)
        let operation = parts.operations.count
        if emits {
            let path = try self.path(of: tag)
            emit(
                tag.kind == .section
                    ? .section(path: path, end: 0) : .inverted(path: path, end: 0))
        }
        push(.section, tag, operation: operation, emits: emits, dedent: dedent)
    }

    private mutating func openParent(_ tag: Tag, closing close: Tag) throws(SyntaxError) {
        // A parent and all it contains may stand on lines of their own as one.
        let isOwnBlock =
            lineStart(before: tag.range.lowerBound) != nil
            && nextLine(after: close.range.upperBound) != nil
        let indentation = isOwnBlock ? placeOnOwnLine(tag) : place(tag)
        offset = tag.range.upperBound
        let operation = parts.operations.count
        var reference = 0
        if emits {
            reference = try self.reference(.parent, tag, indentation)
            emit(.parent(reference: reference, end: 0))
        }
        push(
            .parent(reference: reference), tag, operation: operation, emits: false, dedent: dedent)
        frames[frames.count - 1].takesLastLine = isOwnBlock
    }

    /// A block directly inside a parent: what fills the parent's block of that name.
    private mutating func openArgument(_ tag: Tag, closing close: Tag) throws(SyntaxError) {
        let body = bodyStart(after: tag)
        offset = body
        let name = source[tag.name]
        if let parent = frames.last, parent.arguments.contains(where: { $0.name.bytes == name }) {
            throw SyntaxError(
                offset: tag.range.lowerBound,
                reason: "\(tag.described(in: source)) is given twice to one parent")
        }
        let isOnOwnLines = body > tag.range.upperBound
        let ownIndentation =
            isOnOwnLines ? indentation(ofLinesIn: body..<close.range.lowerBound) ?? [] : dedent
        let parentEmits = frames.count < 2 || frames[frames.count - 2].emits
        push(
            .argument, tag, operation: parts.operations.count, emits: parentEmits,
            dedent: ownIndentation)
        if !isOnOwnLines, body < close.range.lowerBound { markLine() }
    }

    /// A block anywhere else: a place that a caller may fill, with its default.
    private mutating func openBlock(_ tag: Tag, closing close: Tag) {
        let start = tag.range.lowerBound
        let indentation: Template.Indentation
        var startsInside = false
        if let line = lineStart(before: start) {
            text(upTo: line, before: .nothing)
            let own = withoutDedent(line..<start)
            if let next = nextLine(after: tag.range.upperBound) {
                // Alone on its line: the default's first line shows how deep the content stands.
                let shown = self.indentation(ofLinesIn: next..<max(next, close.range.lowerBound))
                indentation = .lines(shown.map { withoutDedent($0) } ?? own)
                offset = next
            } else {
                // The white space before it is part of the default, and of what replaces it.
                indentation = .lines(own)
                startsInside = true
            }
        } else {
            text(upTo: start, before: .content)
            offset = tag.range.upperBound
            indentation = .inline
        }
        let operation = parts.operations.count
        if emits {
            let name = ViewKey(source[tag.name].compacted)
            parts.blocks.append(
                Template.Block(name: name, offset: start, indentation: indentation))
            emit(.block(block: parts.blocks.count - 1, end: 0))
        }
        push(.block, tag, operation: operation, emits: emits, dedent: dedent)
        if startsInside {
            text(upTo: start, before: .content)
            offset = tag.range.upperBound
        }
    }

    // MARK: - Closing

    private mutating func close(_ tag: Tag) {
        guard let frame = frames.last else { return }
        switch frame.kind {
        case .section, .block:
            _ = place(tag)
            pop()
            if emits { setEnd(of: frame.operation) }
        case .argument:
            let line = lineStart(before: tag.range.lowerBound)
            text(upTo: line ?? tag.range.lowerBound, before: .nothing)
            offset = tag.range.upperBound
            pop()
            let body = frame.operation..<parts.operations.count
            let name = ViewKey(source[frame.tag.name].compacted)
            frames[frames.count - 1].arguments.append(Template.Argument(name: name, body: body))
        case .parent(let reference):
            let next = nextLine(after: tag.range.upperBound)
            let isAlone = lineStart(before: tag.range.lowerBound) != nil
            offset = tag.range.upperBound
            if let next, isAlone || frame.takesLastLine { offset = next }
            pop()
            guard emits else { return }
            let first = parts.arguments.count
            parts.arguments += frame.arguments
            parts.references[reference].arguments = first..<parts.arguments.count
            setEnd(of: frame.operation)
        }
    }

    private mutating func push(
        _ kind: Frame.Kind, _ tag: Tag, operation: Int, emits: Bool, dedent: [UInt8]
    ) {
        frames.append(
            Frame(kind: kind, tag: tag, operation: operation, emits: emits, dedent: dedent))
        textBarrier = parts.operations.count
    }

    private mutating func pop() {
        frames.removeLast()
        textBarrier = parts.operations.count
    }

    // MARK: - Tables

    mutating func emit(_ operation: Template.Operation) {
        parts.operations.append(operation)
    }

    /// Ends the operation at `index`: what follows is outside of it.
    private mutating func setEnd(of index: Int) {
        let end = parts.operations.count
        switch parts.operations[index] {
        case .section(let path, _): parts.operations[index] = .section(path: path, end: end)
        case .inverted(let path, _): parts.operations[index] = .inverted(path: path, end: end)
        case .parent(let reference, _):
            parts.operations[index] = .parent(reference: reference, end: end)
        case .block(let block, _): parts.operations[index] = .block(block: block, end: end)
        case .text, .escaped, .raw, .partial: assertionFailure("operation without an end")
        }
    }

    /// Adds the dotted name of `tag`; `.` alone has no parts.
    private mutating func path(of tag: Tag) throws(SyntaxError) -> Int {
        let name = source[tag.name]
        var keys: [ViewKey] = []
        if name != "." {
            let parts = name.array.split(
                separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard parts.allSatisfy({ !$0.isEmpty }) else {
                throw SyntaxError(
                    offset: tag.range.lowerBound,
                    reason: "name \"\(name.string)\" has an empty part")
            }
            keys = parts.map { ViewKey(ByteSlice(Array($0))) }
        }
        parts.paths.append(Template.NamePath(parts: keys, offset: tag.range.lowerBound))
        return parts.paths.count - 1
    }

    private mutating func reference(
        _ kind: Template.Reference.Kind, _ tag: Tag, _ indentation: Template.Indentation
    ) throws(SyntaxError) -> Int {
        let target: Template.Reference.Target =
            tag.isDynamic ? .dynamic(path: try path(of: tag)) : .named(source[tag.name].string)
        parts.references.append(
            Template.Reference(
                kind: kind, target: target, offset: tag.range.lowerBound,
                indentation: indentation, arguments: 0..<0))
        return parts.references.count - 1
    }
}
