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
    /// What the buffer held before this page.
    private let start: Int

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
        var renderer = Renderer(library: library, data: data, start: before)
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

    private init(library: TemplateLibrary, data: ViewValue, start: Int) {
        self.library = library
        self.start = start
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
                    try enter(template, at: offset)
                    try repeatSection(value, at: offset, unit, index + 1..<end, into: &page)
                    depth -= 1
                }
                index = end
            case .inverted(let path, let end):
                if value(of: template.paths[path])?.isTruthy != true {
                    try enter(template, at: template.paths[path].offset)
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
        _ value: ViewValue, at offset: Int, _ unit: Int, _ body: Range<Int>,
        into page: inout ByteBuffer
    ) throws(TemplateError) {
        let elements: [ViewValue]
        if case .list(let list) = value { elements = list } else { elements = [value] }
        let template = library.entries[unit].template
        for element in elements {
            guard page.count - start <= library.options.limits.pageBytesMax else {
                throw pageTooLarge(template, at: offset)
            }
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
        guard let target = try target(reference, of: unit) else { return }
        let offset = template.references[reference].offset
        guard page.count - start <= library.options.limits.pageBytesMax else {
            throw pageTooLarge(template, at: offset)
        }
        try enter(template, at: offset)
        let (outerScope, outerIndentation) = (scope, indentation)
        let arguments = template.references[reference].arguments
        if !arguments.isEmpty {
            scopes.append(Scope(unit: unit, arguments: arguments, outer: scope))
            scope = scopes.count - 1
        }
        indent(template.references[reference].indentation)
        let operations = library.entries[target].template.operations.indices
        try run(target, operations, into: &page)
        if !arguments.isEmpty { scopes.removeLast() }
        (scope, indentation) = (outerScope, outerIndentation)
        depth -= 1
    }

    /// Renders what fills a block here, or its default.
    private mutating func fill(
        _ block: Int, of unit: Int, default body: Range<Int>, into page: inout ByteBuffer
    ) throws(TemplateError) {
        let template = library.entries[unit].template
        let block = template.blocks[block]
        try enter(template, at: block.offset)
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
        _ reference: Int, of unit: Int
    ) throws(TemplateError) -> Int? {
        switch library.entries[unit].links?[reference] {
        case .template(let target): target
        case .nothing, nil: nil
        case .dynamic(let path): try dynamicTarget(reference, path, of: library.entries[unit])
        }
    }

    /// Where a reference leads whose name is the data's.
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

    /// Counts one level more, and stops what would go on until the stack ends.
    private mutating func enter(
        _ template: Template, at offset: Int
    ) throws(TemplateError) {
        let depthMax = library.options.limits.renderDepthMax
        depth += 1
        guard depth <= depthMax else {
            throw template.error(
                at: offset,
                "more than \(depthMax) sections, partials and blocks in each other: "
                    + "does a partial include itself?")
        }
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
