// Walks a template's operations and writes the page. One renderer for one page, on the caller's
// thread. No strings are made here but for dynamic names; values are copied as bytes.
// What is nested is kept in `frames`, not on the call stack: a template as deep as the limit costs
// memory, and threads with small stacks render as well as others.
// A page that cannot be finished is taken back: the buffer then holds what it held before.

import MizuBytes

struct Renderer {
    private var library: TemplateLibrary
    /// The template being walked, its index in the library, and what is left of it: up to `end`,
    /// where the section, partial or block ends that the last frame stands for.
    private var template: Template
    private var unit: Int
    private var next: Int
    private var end: Int
    /// Frames that were entered and not left, outermost first.
    private var frames: [Frame] = []
    /// Values that names are looked up in, the innermost last.
    private var contexts: [ViewValue]
    /// Arguments of the parents around this place; see `argument(for:)`.
    private var scopes: [Scope] = []
    /// The innermost of `scopes` that counts here; -1 when there is none.
    private var scope = -1
    /// Written at the start of each line of the current template; mostly empty.
    private var indentation: [UInt8] = []
    /// Bytes that the buffer held before this page.
    private let start: Int

    private struct Frame {
        let kind: Kind
        /// The tag that was entered: where the outer template goes on, and where errors point.
        let unit: Int
        let offset: Int
        let next: Int
        let end: Int
        /// How many elements of a section are begun.
        var begun = 1

        enum Kind {
            /// An inverted section, or a block with its default.
            case plain
            /// A list's elements; none for any other value, whose only turn has begun.
            case section(elements: [ViewValue], body: Range<Int>)
            /// A partial, a parent or an argument: what counted outside of it.
            case included(scope: Int, scopesCount: Int, indentation: [UInt8])
        }
    }

    /// The arguments of one parent tag, and which scope its own template was rendered in.
    private struct Scope {
        let unit: Int
        let arguments: Range<Int>
        let outer: Int
    }

    /// Renders the template at `index` of `library`, which is linked, at the end of `page`.
    /// - Throws: the first thing that cannot be rendered; `page` is then as it was.
    static func render(
        _ index: Int, of library: TemplateLibrary, _ data: ViewValue,
        into page: inout ByteBuffer
    ) throws(TemplateError) {
        let before = page.count
        var renderer = Renderer(index, of: library, data: data, start: before)
        do throws(TemplateError) {
            try renderer.run(into: &page)
        } catch {
            page.truncate(to: before)
            throw error
        }
    }

    private init(_ index: Int, of library: TemplateLibrary, data: ViewValue, start: Int) {
        self.library = library
        self.start = start
        contexts = [data]
        unit = index
        template = library.entries[index].template
        next = 0
        end = template.operations.count
    }

    private mutating func run(into page: inout ByteBuffer) throws(TemplateError) {
        let bytesMax = library.options.limits.pageBytesMax
        repeat {
            while next < end {
                let operation = template.operations[next]
                next += 1
                switch operation {
                case .text(let run): write(run, into: &page)
                case .escaped(let path):
                    if let value = value(of: template.paths[path]) { page.append(escaping: value) }
                case .raw(let path):
                    if let value = value(of: template.paths[path]) { page.append(raw: value) }
                case .section(let path, let end): try section(path, upTo: end)
                case .inverted(let path, let end): try inverted(path, upTo: end)
                case .partial(let reference): try include(reference, thenAt: next)
                case .parent(let reference, let end): try include(reference, thenAt: end)
                case .block(let block, let end): try fill(block, upTo: end)
                }
            }
            guard page.count - start <= bytesMax else { throw pageTooLarge(bytesMax) }
        } while leave()
    }

    // MARK: - Entering and leaving

    private mutating func section(_ path: Int, upTo end: Int) throws(TemplateError) {
        let body = next..<end
        next = end
        guard let value = value(of: template.paths[path]), value.isTruthy else { return }
        let offset = template.paths[path].offset
        if case .list(let elements) = value, let first = elements.first {
            try enter(.section(elements: elements, body: body), at: offset)
            contexts.append(first)
        } else {
            try enter(.section(elements: [], body: body), at: offset)
            contexts.append(value)
        }
        walk(body)
    }

    private mutating func inverted(_ path: Int, upTo end: Int) throws(TemplateError) {
        let body = next..<end
        next = end
        guard value(of: template.paths[path])?.isTruthy != true else { return }
        try enter(.plain, at: template.paths[path].offset)
        walk(body)
    }

    /// Goes into the partial or parent that `reference` leads to; the template goes on at `after`.
    private mutating func include(_ reference: Int, thenAt after: Int) throws(TemplateError) {
        next = after
        guard let target = try target(reference) else { return }
        try enterIncluded(at: template.references[reference].offset)
        indent(template.references[reference].indentation)
        let arguments = template.references[reference].arguments
        if !arguments.isEmpty {
            scopes.append(Scope(unit: unit, arguments: arguments, outer: scope))
            scope = scopes.count - 1
        }
        switchTo(target)
        walk(template.operations.indices)
    }

    /// Goes into what fills a block here, or into its default.
    private mutating func fill(_ block: Int, upTo end: Int) throws(TemplateError) {
        let body = next..<end
        next = end
        let block = template.blocks[block]
        guard let found = argument(for: block.name) else {
            try enter(.plain, at: block.offset)
            return walk(body)
        }
        try enterIncluded(at: block.offset)
        indent(block.indentation)
        scope = found.outer
        switchTo(found.unit)
        walk(found.body)
    }

    private mutating func enterIncluded(at offset: Int) throws(TemplateError) {
        let kind = Frame.Kind.included(
            scope: scope, scopesCount: scopes.count, indentation: indentation)
        try enter(kind, at: offset)
    }

    /// Keeps where the current template goes on, once what is entered now is left.
    private mutating func enter(_ kind: Frame.Kind, at offset: Int) throws(TemplateError) {
        let depthMax = library.options.limits.renderDepthMax
        guard frames.count < depthMax else {
            throw template.error(
                at: offset,
                "more than \(depthMax) sections, partials and blocks in each other: "
                    + "does a partial include itself?")
        }
        frames.append(Frame(kind: kind, unit: unit, offset: offset, next: next, end: end))
    }

    private mutating func switchTo(_ index: Int) {
        unit = index
        template = library.entries[index].template
    }

    private mutating func walk(_ operations: Range<Int>) {
        next = operations.lowerBound
        end = operations.upperBound
    }

    /// Begins a section's next element, or goes back to behind the tag that was entered last.
    /// Says whether there was one: if not, the page is written.
    private mutating func leave() -> Bool {
        guard let frame = frames.last else { return false }
        switch frame.kind {
        case .plain: break
        case .section(let elements, let body):
            if frame.begun < elements.count {
                contexts[contexts.count - 1] = elements[frame.begun]
                frames[frames.count - 1].begun += 1
                walk(body)
                return true
            }
            contexts.removeLast()
        case .included(let scope, let scopesCount, let indentation):
            self.scope = scope
            self.indentation = indentation
            scopes.removeLast(scopes.count - scopesCount)
            switchTo(frame.unit)
        }
        walk(frame.next..<frame.end)
        frames.removeLast()
        return true
    }

    // MARK: - Where names of templates lead

    /// The argument for a block's name. The outermost parent tag wins: a page overrules the layout
    /// that it extends, and that the layout below. What the argument itself contains belongs to
    /// the template that wrote it, and so sees only the scopes around that one (`outer`): a
    /// block inside an argument may have the argument's own name.
    private func argument(
        for name: ViewKey
    ) -> (unit: Int, body: Range<Int>, outer: Int)? {
        var found: (unit: Int, body: Range<Int>, outer: Int)?
        var index = scope
        while index >= 0 {
            let scope = scopes[index]
            let template = library.entries[scope.unit].template
            for argument in template.arguments[scope.arguments] where argument.name == name {
                found = (scope.unit, argument.body, scope.outer)
            }
            index = scope.outer
        }
        return found
    }

    /// The template that a reference leads to; `nil` if it leads nowhere and may do so.
    private mutating func target(_ reference: Int) throws(TemplateError) -> Int? {
        switch library.entries[unit].links?[reference] {
        case .template(let target): target
        case .nothing, nil: nil
        case .dynamic(let path): try dynamicTarget(reference, path, of: library.entries[unit])
        }
    }

    /// The template of a reference whose name is in the data.
    private mutating func dynamicTarget(
        _ index: Int, _ path: Int, of entry: TemplateLibrary.Entry
    ) throws(TemplateError) -> Int? {
        let reference = entry.template.references[index]
        let name = dynamicName(entry.template.paths[path])
        if let name, let target = try library.find(name, reference.use, from: entry.path) {
            try library.link(from: target)
            return target
        }
        guard library.options.unknownPartials == .fail else { return nil }
        guard let name else {
            throw entry.template.error(
                at: reference.offset, "the data has no name for this \(reference.use.noun)")
        }
        throw library.unknown(name, reference, in: entry)
    }

    private func dynamicName(_ path: Template.NamePath) -> String? {
        switch value(of: path) {
        case .text(let bytes), .number(let bytes): bytes.string
        default: nil
        }
    }

    // MARK: - Values, text, limits

    /// The value of a name here (Mustache spec, interpolation): the first part is looked for in all
    /// contexts from the innermost, each further part only in what the part before it gave.
    private func value(of path: Template.NamePath) -> ViewValue? {
        guard let first = path.parts.first else { return contexts.last }
        var index = contexts.count
        while index > 0 {
            index -= 1
            guard case .object(let object) = contexts[index],
                var value = object.value(for: first)
            else { continue }
            for part in path.parts.dropFirst() {
                guard case .object(let object) = value, let next = object.value(for: part) else {
                    return nil
                }
                value = next
            }
            return value
        }
        return nil
    }

    private func write(_ run: Template.TextRun, into page: inout ByteBuffer) {
        template.statics.withUnsafeBytes { statics in
            var position = run.bytes.lowerBound
            if !indentation.isEmpty {
                for start in template.lineStarts[run.lines] {
                    page.append(statics.part(position..<start))
                    page.append(indentation)
                    position = start
                }
            }
            let rest = statics[position..<run.bytes.upperBound]
            page.append(UnsafeRawBufferPointer(rebasing: rest))
        }
    }

    private mutating func indent(_ inner: Template.Indentation) {
        switch inner {
        case .inline: if !indentation.isEmpty { indentation = [] }
        case .lines(let bytes): if !bytes.isEmpty { indentation += bytes }
        }
    }

    /// The error for too many bytes, at the tag that was entered last.
    private func pageTooLarge(_ bytesMax: Int) -> TemplateError {
        let template = frames.last.map { library.entries[$0.unit].template } ?? template
        return template.error(
            at: frames.last?.offset ?? 0, "the page is larger than \(bytesMax) bytes")
    }
}

extension ByteBuffer {
    /// Appends a value as HTML shows it. `null`, lists and objects show nothing.
    fileprivate mutating func append(escaping value: ViewValue) {
        switch value {
        case .text(let bytes): append(escapingHTML: bytes)
        case .number(let digits): append(escapingHTML: digits)
        case .bool(let isTrue): append(isTrue ? "true" : "false" as StaticString)
        case .null, .list, .object: break
        }
    }

    /// Appends a value as it is. `null`, lists and objects show nothing.
    fileprivate mutating func append(raw value: ViewValue) {
        switch value {
        case .text(let bytes), .number(let bytes): append(bytes)
        case .bool(let isTrue): append(isTrue ? "true" : "false" as StaticString)
        case .null, .list, .object: break
        }
    }
}
