// Walks a template's operations and writes the page. One renderer for one page, on the caller's
// thread. No strings are made here but for dynamic names; values are copied as bytes.
// A page that cannot be finished is taken back: the buffer then holds what it held before.

import MizuBytes

struct Renderer {
    private var library: TemplateLibrary
    /// What names are looked up in, the innermost last.
    private var contexts: [ViewValue]
    /// What parents around this place were given; see `argument(for:)`.
    private var scopes: [Scope] = []
    /// The innermost of `scopes` that counts here; -1 when there is none.
    private var scope = -1
    /// Written at the start of each line of the current template; mostly empty.
    private var indentation: [UInt8] = []
    private var depth = 0

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
        var renderer = Renderer(library: library, data: data)
        do throws(TemplateError) {
            let template = library.entries[index].template
            try renderer.run(index, template.operations.indices, into: &page)
            guard page.count - before <= library.options.limits.pageBytesMax else {
                throw renderer.pageTooLarge(template, at: 0)
            }
        } catch {
            page.truncate(to: before)
            throw error
        }
    }

    private init(library: TemplateLibrary, data: ViewValue) {
        self.library = library
        contexts = [data]
    }

    private mutating func run(
        _ unit: Int, _ operations: Range<Int>, into page: inout ByteBuffer
    ) throws(TemplateError) {
        let template = library.entries[unit].template
        var index = operations.lowerBound
        while index < operations.upperBound {
            switch template.operations[index] {
            case .text(let run):
                write(run, of: template, into: &page)
                index += 1
            case .escaped(let path):
                if let value = value(of: template.paths[path]) { page.append(escaping: value) }
                index += 1
            case .raw(let path):
                if let value = value(of: template.paths[path]) { page.append(raw: value) }
                index += 1
            case .section(let path, let end):
                if let value = value(of: template.paths[path]), value.isTruthy {
                    let offset = template.paths[path].offset
                    try enter(template, at: offset, page.count)
                    try repeatSection(value, unit, index + 1..<end, into: &page)
                    depth -= 1
                }
                index = end
            case .inverted(let path, let end):
                if value(of: template.paths[path])?.isTruthy != true {
                    try enter(template, at: template.paths[path].offset, page.count)
                    try run(unit, index + 1..<end, into: &page)
                    depth -= 1
                }
                index = end
            case .partial(let reference):
                try include(reference, of: unit, into: &page)
                index += 1
            case .parent(let reference, let end):
                try include(reference, of: unit, into: &page)
                index = end
            case .block(let block, let end):
                try fill(block, of: unit, default: index + 1..<end, into: &page)
                index = end
            }
        }
    }

    // MARK: - Sections, partials, blocks

    private mutating func repeatSection(
        _ value: ViewValue, _ unit: Int, _ body: Range<Int>, into page: inout ByteBuffer
    ) throws(TemplateError) {
        let elements: [ViewValue]
        if case .list(let list) = value { elements = list } else { elements = [value] }
        for element in elements {
            contexts.append(element)
            try run(unit, body, into: &page)
            contexts.removeLast()
        }
    }

    /// Renders the partial or parent that `reference` leads to.
    private mutating func include(
        _ reference: Int, of unit: Int, into page: inout ByteBuffer
    ) throws(TemplateError) {
        let template = library.entries[unit].template
        let it = template.references[reference]
        guard let target = try target(reference, it, of: unit) else { return }
        try enter(template, at: it.offset, page.count)
        let (outerScope, outerIndentation) = (scope, indentation)
        if !it.arguments.isEmpty {
            scopes.append(Scope(unit: unit, arguments: it.arguments, outer: scope))
            scope = scopes.count - 1
        }
        indent(it.indentation)
        let operations = library.entries[target].template.operations.indices
        try run(target, operations, into: &page)
        if !it.arguments.isEmpty { scopes.removeLast() }
        (scope, indentation) = (outerScope, outerIndentation)
        depth -= 1
    }

    /// Renders what fills a block here, or its default.
    private mutating func fill(
        _ block: Int, of unit: Int, default body: Range<Int>, into page: inout ByteBuffer
    ) throws(TemplateError) {
        let template = library.entries[unit].template
        let block = template.blocks[block]
        try enter(template, at: block.offset, page.count)
        if let found = argument(for: block.name) {
            let (outerScope, outerIndentation) = (scope, indentation)
            scope = found.outer
            indent(block.indentation)
            try run(found.unit, found.body, into: &page)
            (scope, indentation) = (outerScope, outerIndentation)
        } else {
            try run(unit, body, into: &page)
        }
        depth -= 1
    }

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

    /// Where a reference leads; `nil` when that is nowhere and may be so.
    private mutating func target(
        _ index: Int, _ reference: Template.Reference, of unit: Int
    ) throws(TemplateError) -> Int? {
        let entry = library.entries[unit]
        guard let links = entry.links, index < links.count else { return nil }
        switch links[index] {
        case .template(let target): return target
        case .nothing: return nil
        case .dynamic(let path):
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
    }

    private func dynamicName(_ path: Template.NamePath) -> String? {
        switch value(of: path) {
        case .text(let bytes), .number(let bytes): bytes.string
        default: nil
        }
    }

    // MARK: - Values, text, limits

    /// What a name means here (Mustache spec, interpolation): the first part is looked for in all
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

    private func write(
        _ run: Template.TextRun, of template: Template, into page: inout ByteBuffer
    ) {
        template.statics.withUnsafeBytes { statics in
            var position = run.bytes.lowerBound
            if !indentation.isEmpty {
                for start in template.lineStarts[run.lines] {
                    page.append(UnsafeRawBufferPointer(rebasing: statics[position..<start]))
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

    /// Counts one level more, and stops what would go on until the stack or the memory ends.
    private mutating func enter(
        _ template: Template, at offset: Int, _ pageBytes: Int
    ) throws(TemplateError) {
        let limits = library.options.limits
        depth += 1
        guard depth <= limits.renderDepthMax else {
            throw template.error(
                at: offset,
                "more than \(limits.renderDepthMax) sections, partials and blocks in each other: "
                    + "does a partial include itself?")
        }
        guard pageBytes <= limits.pageBytesMax else { throw pageTooLarge(template, at: offset) }
    }

    private func pageTooLarge(_ template: Template, at offset: Int) -> TemplateError {
        template.error(
            at: offset, "the page is larger than \(library.options.limits.pageBytesMax) bytes")
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
