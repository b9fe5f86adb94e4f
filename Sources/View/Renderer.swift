// Walks a program's steps and writes the page. One renderer for one page, on the caller's thread.
// Allocates a few lists for a page and nothing for a hole or a row; values are copied as bytes.
// What is nested is kept in `frames`, not on the call stack: a template as deep as the limit costs
// memory, and threads with small stacks render as well as others.
// A page that cannot be finished is taken back: the buffer then holds what it held before.
//
//   section ──enter──► frame ──end of its steps──► leave ──► its next element, or behind its tag
//   partial, parent, argument: the same, with other steps, and its own indentation and scope

import CScan
import MizuBytes

/// Why a page was not finished.
enum RenderStop: Error {
    case failed(TemplateError)
    /// The data names a template that the program has not looked for.
    case unknown(Program.DynamicName)
}

struct Renderer: ~Copyable {
    private let program: Program
    // The program's tables, which it keeps.
    private let steps: UnsafePointer<Program.Step>
    private let paths: UnsafePointer<Program.Path>
    private let statics: UnsafePointer<UInt8>
    private let bytesMax: Int
    private let depthMax: Int

    /// The template being walked, for errors.
    private var unit: Int
    /// What is left of its steps: up to `end`, where the section, partial or block ends that the
    /// last frame stands for.
    private var next: Int
    private var end: Int
    /// Frames that were entered and not left, outermost first.
    private var frames = Stack<Frame>()
    /// Values that are entered, the innermost last.
    private var contexts = Stack<PageValue>()
    /// What names mean in `contexts`.
    private var bindings: Bindings
    /// Arguments of the parents around this place; see `argument(for:)`.
    private var scopes = Stack<Scope>(capacity: 4)
    /// The innermost of `scopes` that counts here; -1 when there is none.
    private var scope = -1
    /// Written at the start of each line of the current template, a run of `indentationBytes`;
    /// mostly empty.
    private var indentation = Program.Run()
    private var indentationBytes: [UInt8] = []
    /// Bytes that the buffer held before this page.
    private let start: Int

    private struct Frame: BitwiseCopyable {
        var kind: Kind
        /// The tag that was entered: where the outer template goes on, and where errors point.
        let unit: Int
        let offset: Int
        let next: Int
        let end: Int

        enum Kind: BitwiseCopyable {
            /// An inverted section, or a block with its default.
            case plain
            case section(Rows, body: Program.Run, bindings: Int)
            /// A partial, a parent or an argument: what counted outside of it.
            case included(scope: Int, scopesCount: Int, Indentation)
        }

        struct Indentation: BitwiseCopyable {
            let run: Program.Run
            let bytesCount: Int
        }
    }

    /// What a section has still to go through, behind the element that it is at.
    private enum Rows: BitwiseCopyable {
        /// No list: its only turn has begun.
        case none
        case values(UnsafePointer<ViewValue>, left: Int)
        case texts(UnsafePointer<JSONValue>, left: Int)
        case elements(JSONText.Elements)
    }

    /// The arguments of one parent tag, and which scope its own template was rendered in.
    private struct Scope: BitwiseCopyable {
        let arguments: Program.Run
        let outer: Int
    }

    /// Renders the template at `index` of `program` at the end of `page`.
    /// - Parameters:
    ///   - data: what names are looked up in.
    ///   - added: members that count as the data's own, before those of that name there.
    /// - Throws: the first thing that cannot be rendered; `page` is then as it was.
    static func render(
        _ index: Int, of program: Program, _ data: ViewValue, adding added: ViewValue,
        into page: inout ByteBuffer
    ) throws(RenderStop) {
        let before = page.count
        do throws(RenderStop) {
            try withUnsafePointer(to: data) { (data) throws(RenderStop) in
                try withUnsafePointer(to: added) { (added) throws(RenderStop) in
                    var renderer = Renderer(index, of: program, data, added, start: before)
                    try renderer.run(into: &page)
                }
            }
        } catch {
            page.truncate(to: before)
            throw error
        }
    }

    private init(
        _ index: Int, of program: Program, _ data: UnsafePointer<ViewValue>,
        _ added: UnsafePointer<ViewValue>, start: Int
    ) {
        self.program = program
        self.start = start
        steps = program.steps.base
        paths = program.paths.base
        statics = program.statics.base
        bytesMax = program.library.options.limits.pageBytesMax
        depthMax = program.library.options.limits.renderDepthMax
        contexts.push(PageValue(data))
        bindings = Bindings(program.symbols)
        bindings.bind(membersOf: PageValue(data))
        bindings.bind(membersOf: PageValue(added))
        unit = index
        next = program.units[index].start
        end = program.units[index].end
    }

    private mutating func run(into page: inout ByteBuffer) throws(RenderStop) {
        repeat {
            while next < end {
                let step = steps[next]
                next += 1
                switch step {
                case .text(let bytes, let lines): write(bytes, lines, into: &page)
                case .escaped(let path):
                    if let value = value(of: path) { page.append(escaping: value) }
                case .raw(let path):
                    if let value = value(of: path) { page.append(raw: value) }
                case .section(let path, let end): try section(path, upTo: end)
                case .inverted(let path, let end): try inverted(path, upTo: end)
                case .partial(let reference): try include(reference, thenAt: next)
                case .parent(let reference, let end): try include(reference, thenAt: end)
                case .block(let block, let end): try fill(block, upTo: end)
                }
            }
            guard page.count - start <= bytesMax else { throw pageTooLarge() }
        } while leave()
    }

    // MARK: - Entering and leaving

    private mutating func section(_ path: Int, upTo end: Int) throws(RenderStop) {
        let body = Program.Run(start: next, end: end)
        next = end
        guard let value = value(of: path), value.isTruthy else { return }
        let (first, rows) = Renderer.rows(of: value)
        try enter(
            .section(rows, body: body, bindings: bindings.count), at: paths[path].offset)
        contexts.push(first)
        bindings.bind(membersOf: first)
        walk(body)
    }

    /// The first element of a list and the rest; any other value is its own only one.
    private static func rows(of value: PageValue) -> (first: PageValue, Rows) {
        switch value {
        case .value(let pointer):
            switch pointer.pointee {
            case .list(let elements):
                guard let first = elements.start else { return (value, .none) }
                return (PageValue(first), .values(first, left: elements.count - 1))
            case .rows(let rows):
                guard let first = rows.start else { return (value, .none) }
                return (Renderer.text(at: first), .texts(first, left: rows.count - 1))
            default:
                return (value, .none)
            }
        case .json(let text):
            guard text.kind == .array else { return (value, .none) }
            var elements = text.elements
            guard let first = elements.next() else { return (value, .none) }
            return (.json(first), .elements(elements))
        }
    }

    @inline(__always)
    private static func text(at row: UnsafePointer<JSONValue>) -> PageValue {
        .json(JSONText(heldElsewhere: row.pointee.bytes))
    }

    private mutating func inverted(_ path: Int, upTo end: Int) throws(RenderStop) {
        let body = Program.Run(start: next, end: end)
        next = end
        guard value(of: path)?.isTruthy != true else { return }
        try enter(.plain, at: paths[path].offset)
        walk(body)
    }

    /// Goes into the partial or parent that `reference` leads to; the template goes on at `after`.
    private mutating func include(_ reference: Int, thenAt after: Int) throws(RenderStop) {
        next = after
        let reference = program.references.base[reference]
        guard let target = try target(of: reference) else { return }
        try enterIncluded(at: reference.offset)
        indent(reference.indentation)
        if !reference.arguments.isEmpty {
            scopes.push(Scope(arguments: reference.arguments, outer: scope))
            scope = scopes.count - 1
        }
        unit = target
        walk(program.units[target])
    }

    /// Goes into what fills a block here, or into its default.
    private mutating func fill(_ block: Int, upTo end: Int) throws(RenderStop) {
        let body = Program.Run(start: next, end: end)
        next = end
        let block = program.blocks.base[block]
        guard let found = argument(for: block.name) else {
            try enter(.plain, at: block.offset)
            return walk(body)
        }
        try enterIncluded(at: block.offset)
        indent(block.indentation)
        scope = found.outer
        unit = found.argument.unit
        walk(found.argument.body)
    }

    private mutating func enterIncluded(at offset: Int) throws(RenderStop) {
        let outer = Frame.Indentation(run: indentation, bytesCount: indentationBytes.count)
        try enter(.included(scope: scope, scopesCount: scopes.count, outer), at: offset)
    }

    /// Keeps where the current template goes on, once what is entered now is left.
    @inline(__always)
    private mutating func enter(_ kind: Frame.Kind, at offset: Int) throws(RenderStop) {
        guard frames.count < depthMax else { throw tooDeep(at: offset) }
        frames.push(Frame(kind: kind, unit: unit, offset: offset, next: next, end: end))
    }

    @inline(__always)
    private mutating func walk(_ steps: Program.Run) {
        next = steps.start
        end = steps.end
    }

    /// Begins a section's next element, or goes back to behind the tag that was entered last.
    /// Says whether there was one: if not, the page is written.
    private mutating func leave() -> Bool {
        guard frames.count > 0 else { return false }
        switch frames.top.kind {
        case .plain: break
        case .section(var rows, let body, let count):
            bindings.unbind(to: count)
            if let element = Renderer.next(&rows) {
                frames.top.kind = .section(rows, body: body, bindings: count)
                contexts.top = element
                bindings.bind(membersOf: element)
                walk(body)
                return true
            }
            _ = contexts.pop()
        case .included(let scope, let scopesCount, let outer):
            self.scope = scope
            scopes.truncate(to: scopesCount)
            indentation = outer.run
            if indentationBytes.count > outer.bytesCount {
                indentationBytes.removeLast(indentationBytes.count - outer.bytesCount)
            }
            unit = frames.top.unit
        }
        next = frames.top.next
        end = frames.top.end
        _ = frames.pop()
        return true
    }

    @inline(__always)
    private static func next(_ rows: inout Rows) -> PageValue? {
        switch rows {
        case .none: return nil
        case .values(let at, let left):
            guard left > 0 else { return nil }
            rows = .values(at + 1, left: left - 1)
            return PageValue(at + 1)
        case .texts(let at, let left):
            guard left > 0 else { return nil }
            rows = .texts(at + 1, left: left - 1)
            return text(at: at + 1)
        case .elements(var elements):
            guard let element = elements.next() else { return nil }
            rows = .elements(elements)
            return .json(element)
        }
    }

    // MARK: - Where names lead

    /// The value of a name here: the first part means what it does in all contexts, each further
    /// part is looked for only in what the part before it gave.
    @inline(__always)
    private func value(of path: Int) -> PageValue? {
        let symbol = paths[path].symbol
        let first = symbol >= 0 ? bindings.meaning(of: symbol) : contexts.top
        return paths[path].parts.isEmpty ? first : member(of: first, paths[path].parts)
    }

    private func member(of first: PageValue?, _ parts: Program.Run) -> PageValue? {
        var value = first
        for part in program.parts[parts.start..<parts.end] {
            value = value?.member(part)
        }
        return value
    }

    /// The argument for a block's name. The outermost parent tag wins: a page overrules the layout
    /// that it extends, and that the layout below. What the argument itself contains belongs to
    /// the template that wrote it, and so sees only the scopes around that one (`outer`): a
    /// block inside an argument may have the argument's own name.
    private func argument(for name: Int) -> (argument: Program.Argument, outer: Int)? {
        var found: (argument: Program.Argument, outer: Int)?
        var index = scope
        while index >= 0 {
            let scope = scopes[index]
            for place in scope.arguments.start..<scope.arguments.end {
                let argument = program.arguments.base[place]
                if argument.name == name { found = (argument, scope.outer) }
            }
            index = scope.outer
        }
        return found
    }

    /// The template that a reference leads to; `nil` if it leads nowhere and may do so.
    @inline(__always)
    private func target(of reference: Program.Reference) throws(RenderStop) -> Int? {
        if reference.target >= 0 { return reference.target }
        guard reference.target == Program.Reference.dynamic else { return nil }
        return try dynamicTarget(reference)
    }

    private func dynamicTarget(_ place: Program.Reference) throws(RenderStop) -> Int? {
        let entry = program.library.entries[place.unit]
        let reference = entry.template.references[place.index]
        let name = value(of: place.path)?.templateName
        if let name {
            let dynamic = Program.DynamicName(name: name, use: reference.use, path: entry.path)
            let target: Int?
            if program.library.source == nil {
                target = program.library.known(name, reference.use, from: entry.path)
            } else if let found = program.found[dynamic] {
                target = found
            } else {
                throw .unknown(dynamic)
            }
            if let target { return target }
        }
        guard program.library.options.unknownPartials == .fail else { return nil }
        guard let name else {
            throw .failed(
                entry.template.error(
                    at: reference.offset, "the data has no name for this \(reference.use.noun)"))
        }
        throw .failed(program.library.unknown(name, reference, in: entry))
    }

    // MARK: - Text, limits

    @inline(__always)
    private func write(
        _ bytes: Program.Run, _ lines: Program.Run, into page: inout ByteBuffer
    ) {
        var position = bytes.start
        if !indentation.isEmpty {
            for line in lines.start..<lines.end {
                let start = program.lineStarts.base[line]
                append(position, start, to: &page)
                indentationBytes.withUnsafeBytes {
                    page.append($0.part(indentation.start..<indentation.end))
                }
                position = start
            }
        }
        append(position, bytes.end, to: &page)
    }

    /// Appends static bytes, which have 16 more behind them.
    @inline(__always)
    private func append(_ start: Int, _ end: Int, to page: inout ByteBuffer) {
        let count = end - start
        page.reserve(count + 16)
        cscan_copy_padded(page.end, statics + start, count)
        page.advance(written: count)
    }

    private mutating func indent(_ inner: Program.Indentation) {
        if inner.isInline {
            indentation = Program.Run()
        } else if !inner.bytes.isEmpty {
            let start = indentationBytes.count
            indentationBytes += indentationBytes[indentation.start..<indentation.end]
            for index in inner.bytes.start..<inner.bytes.end {
                indentationBytes.append(program.indentations.base[index])
            }
            indentation = Program.Run(start: start, end: indentationBytes.count)
        }
    }

    private func tooDeep(at offset: Int) -> RenderStop {
        .failed(
            program.library.entries[unit].template.error(
                at: offset,
                "more than \(depthMax) sections, partials and blocks in each other: "
                    + "does a partial include itself?"))
    }

    /// The error for too many bytes, at the tag that was entered last.
    private func pageTooLarge() -> RenderStop {
        let isOutermost = frames.count == 0
        return .failed(
            program.library.entries[isOutermost ? unit : frames.top.unit].template.error(
                at: isOutermost ? 0 : frames.top.offset,
                "the page is larger than \(bytesMax) bytes"))
    }
}
