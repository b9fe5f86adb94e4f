// All templates of a set in one flat program: steps, and tables of plain numbers that they point
// into. Made of a linked library; names have become numbers, partials and parents the places of
// their first steps. Immutable; any thread. `Renderer` walks it.
//
//   operations of each template ──► steps, one template behind the other, each a range of them
//   text between tags           ──► one run of bytes, padded for copies of 16 bytes
//   names                       ──► symbols (SymbolTable) and, for the parts behind a dot, keys

import MizuBytes

struct Program: Sendable {
    let library: TemplateLibrary
    let symbols: SymbolTable
    let steps: Table<Step>
    /// Where each template's steps are; by its index in the library.
    let units: Table<Run>
    let statics: Table<UInt8>
    let lineStarts: Table<Int>
    let paths: Table<Path>
    let references: Table<Reference>
    let blocks: Table<Block>
    let arguments: Table<Argument>
    let indentations: Table<UInt8>
    /// The parts of dotted names behind the first.
    let parts: [ViewKey]
    /// Where names in data have led, for a library that reads its source while it renders.
    let found: [DynamicName: Int?]

    /// A part of one of the tables.
    struct Run: BitwiseCopyable, Sendable {
        var start = 0
        var end = 0

        var isEmpty: Bool { start == end }
    }

    /// `Template.Operation`, with indices into these tables.
    enum Step: BitwiseCopyable, Sendable {
        case text(bytes: Run, lines: Run)
        case escaped(path: Int)
        case raw(path: Int)
        case section(path: Int, end: Int)
        case inverted(path: Int, end: Int)
        case partial(reference: Int)
        case parent(reference: Int, end: Int)
        case block(block: Int, end: Int)
    }

    struct Path: BitwiseCopyable, Sendable {
        /// The number of the first part; -1 for `.`.
        let symbol: Int
        let parts: Run
        let offset: Int
    }

    struct Indentation: BitwiseCopyable, Sendable {
        let isInline: Bool
        let bytes: Run
    }

    struct Reference: BitwiseCopyable, Sendable {
        /// The template that it leads to, or one of these.
        let target: Int
        /// Of the name in the data, where it is dynamic.
        let path: Int
        let offset: Int
        let indentation: Indentation
        let arguments: Run
        /// The template that it stands in, and which of its references it is.
        let unit: Int
        let index: Int

        static let nothing = -1
        static let dynamic = -2
    }

    struct Block: BitwiseCopyable, Sendable {
        let name: Int
        let offset: Int
        let indentation: Indentation
    }

    struct Argument: BitwiseCopyable, Sendable {
        let name: Int
        let body: Run
        let unit: Int
    }

    /// A name in the data that stands for a template.
    struct DynamicName: Hashable, Sendable {
        let name: String
        let use: TemplateLibrary.Use
        /// Of the template that uses it.
        let path: String
    }

    init(_ library: TemplateLibrary, found: [DynamicName: Int?] = [:]) {
        var builder = ProgramBuilder()
        for (unit, entry) in library.entries.enumerated() { builder.add(entry, unit: unit) }
        self.library = library
        self.found = found
        symbols = SymbolTable(builder.symbols)
        steps = Table(builder.steps)
        units = Table(builder.units)
        // What is copied from the end may be copied 16 bytes wide.
        statics = Table(builder.statics + [UInt8](repeating: 0, count: 16))
        lineStarts = Table(builder.lineStarts)
        paths = Table(builder.paths)
        references = Table(builder.references)
        blocks = Table(builder.blocks)
        arguments = Table(builder.arguments)
        indentations = Table(builder.indentations)
        parts = builder.parts
    }
}

extension Program {
    /// Renders the template at `index` of `library`, which is linked from there on. Where the data
    /// names a template that was not read yet, it is read and the page begun again: a set that
    /// rereads its source compiles for each page anyway.
    /// - Throws: what is wrong; `page` is then as it was.
    static func render(
        _ index: Int, of library: TemplateLibrary, _ data: ViewValue,
        adding added: ViewValue = .null, into page: inout ByteBuffer
    ) throws(TemplateError) {
        try Program(library).render(index, data, adding: added, into: &page)
    }

    /// Renders the template at `index`; see the other `render`.
    func render(
        _ index: Int, _ data: ViewValue, adding added: ViewValue = .null,
        into page: inout ByteBuffer
    ) throws(TemplateError) {
        var program = self
        while true {
            do throws(RenderStop) {
                return try Renderer.render(index, of: program, data, adding: added, into: &page)
            } catch {
                var (library, found) = (program.library, program.found)
                let name: DynamicName
                switch error {
                case .failed(let error): throw error
                case .unknown(let dynamic): name = dynamic
                }
                let target = try library.find(name.name, name.use, from: name.path)
                if let target { try library.link(from: target) }
                found[name] = .some(target)
                program = Program(library, found: found)
            }
        }
    }
}

/// The tables while they grow.
private struct ProgramBuilder {
    var symbols = SymbolTable.Builder()
    private var blockNames = SymbolTable.Builder()
    var steps: [Program.Step] = []
    var units: [Program.Run] = []
    var statics: [UInt8] = []
    var lineStarts: [Int] = []
    var paths: [Program.Path] = []
    var references: [Program.Reference] = []
    var blocks: [Program.Block] = []
    var arguments: [Program.Argument] = []
    var indentations: [UInt8] = []
    var parts: [ViewKey] = []

    mutating func add(_ entry: TemplateLibrary.Entry, unit: Int) {
        let template = entry.template
        let (firstStep, firstPath) = (steps.count, paths.count)
        let (firstByte, firstLine) = (statics.count, lineStarts.count)
        let (firstReference, firstBlock) = (references.count, blocks.count)
        let firstArgument = arguments.count
        for operation in template.operations {
            let step: Program.Step =
                switch operation {
                case .text(let run):
                    .text(
                        bytes: Self.run(run.bytes, from: firstByte),
                        lines: Self.run(run.lines, from: firstLine))
                case .escaped(let path): .escaped(path: firstPath + path)
                case .raw(let path): .raw(path: firstPath + path)
                case .section(let path, let end):
                    .section(path: firstPath + path, end: firstStep + end)
                case .inverted(let path, let end):
                    .inverted(path: firstPath + path, end: firstStep + end)
                case .partial(let reference): .partial(reference: firstReference + reference)
                case .parent(let reference, let end):
                    .parent(reference: firstReference + reference, end: firstStep + end)
                case .block(let block, let end):
                    .block(block: firstBlock + block, end: firstStep + end)
                }
            steps.append(step)
        }
        units.append(Program.Run(start: firstStep, end: steps.count))
        template.statics.withUnsafeBytes { statics.append(contentsOf: $0) }
        lineStarts += template.lineStarts.map { firstByte + $0 }
        for path in template.paths { add(path) }
        for (index, reference) in template.references.enumerated() {
            var (target, path) = (Program.Reference.nothing, 0)
            switch entry.links?[index] {
            case .template(let unit): target = unit
            case .nothing, nil: break
            case .dynamic(let index):
                (target, path) = (Program.Reference.dynamic, firstPath + index)
            }
            references.append(
                Program.Reference(
                    target: target, path: path, offset: reference.offset,
                    indentation: indentation(reference.indentation),
                    arguments: Self.run(reference.arguments, from: firstArgument), unit: unit,
                    index: index))
        }
        for block in template.blocks {
            blocks.append(
                Program.Block(
                    name: blockNames.number(of: block.name), offset: block.offset,
                    indentation: indentation(block.indentation)))
        }
        for argument in template.arguments {
            arguments.append(
                Program.Argument(
                    name: blockNames.number(of: argument.name),
                    body: Self.run(argument.body, from: firstStep), unit: unit))
        }
    }

    private mutating func add(_ path: Template.NamePath) {
        let rest = path.parts.dropFirst()
        paths.append(
            Program.Path(
                symbol: path.parts.first.map { symbols.number(of: $0) } ?? -1,
                parts: Program.Run(start: parts.count, end: parts.count + rest.count),
                offset: path.offset))
        parts += rest
    }

    private mutating func indentation(
        _ indentation: Template.Indentation
    ) -> Program.Indentation {
        let start = indentations.count
        switch indentation {
        case .inline:
            return Program.Indentation(isInline: true, bytes: Program.Run())
        case .lines(let bytes):
            indentations += bytes
            return Program.Indentation(
                isInline: false, bytes: Program.Run(start: start, end: indentations.count))
        }
    }

    private static func run(_ range: Range<Int>, from start: Int) -> Program.Run {
        Program.Run(start: start + range.lowerBound, end: start + range.upperBound)
    }
}
