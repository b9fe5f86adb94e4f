// The compiled form of one template: static bytes, and operations that say which part of them to
// write and what goes into the holes between. Immutable; any thread.
// Made by `TemplateCompiler`, linked by `TemplateLibrary`; a `Program` is made of all of a set.

import MizuBytes

/// A template, compiled. It knows its partials and parents by name only: a `ViewSet` links them.
///
/// Mustache with the optional modules inheritance and dynamic names. Lambdas are left out: data
/// here is bytes without behaviour, and a page that needs a computation gets its result.
public final class Template: Sendable {
    /// As errors show it.
    public let name: String
    let source: ByteSlice
    /// The text between tags, without standalone lines, in one piece.
    let statics: ByteSlice
    /// Where in `statics` a line of the template begins, ascending: an indented partial writes its
    /// indentation there.
    let lineStarts: [Int]
    let operations: [Operation]
    let paths: [NamePath]
    let references: [Reference]
    let blocks: [Block]
    let arguments: [Argument]

    /// A run of `statics`, and the run of `lineStarts` that falls into it.
    struct TextRun: Equatable {
        var bytes: Range<Int>
        var lines: Range<Int>
    }

    /// One step. What an operation contains follows it directly, up to `end`; indices point into
    /// the template's tables.
    enum Operation: Equatable {
        case text(TextRun)
        case escaped(path: Int)
        case raw(path: Int)
        case section(path: Int, end: Int)
        case inverted(path: Int, end: Int)
        case partial(reference: Int)
        case parent(reference: Int, end: Int)
        case block(block: Int, end: Int)
    }

    /// A dotted name; no parts mean `.`, the top of the context stack.
    struct NamePath {
        let parts: [ViewKey]
        let offset: Int
    }

    /// A partial or parent that this template names.
    struct Reference {
        enum Kind { case partial, parent }
        enum Target {
            case named(String)
            /// The data says the name when the page is rendered.
            case dynamic(path: Int)
        }

        let kind: Kind
        let target: Target
        let offset: Int
        let indentation: Indentation
        /// The arguments of a parent: a run of `arguments`.
        var arguments: Range<Int>
    }

    /// A place that a caller may fill: `{{$name}}default{{/name}}`.
    struct Block {
        let name: ViewKey
        let offset: Int
        let indentation: Indentation
    }

    /// The content of such a place: operations of the template that has the parent tag.
    struct Argument {
        let name: ViewKey
        let body: Range<Int>
    }

    /// How the lines of a partial, a parent or an argument are indented where it is put in.
    enum Indentation: Equatable {
        /// It begins in the middle of a line: its own lines stay as they are.
        case inline
        /// It has lines of its own: these bytes come before each, behind the indentation of the
        /// template that it is put into.
        case lines([UInt8])
    }

    /// Compiles `source`.
    /// - Parameter name: what errors call it, such as `views/pages/home.html`.
    /// - Throws: the first error of the template, with its place.
    public convenience init(
        name: String, source: ByteSlice, limits: ViewLimits = ViewLimits()
    ) throws(TemplateError) {
        let parts: CompiledParts
        do {
            parts = try TemplateCompiler.compile(source, limits: limits)
        } catch {
            throw TemplateError(
                template: name, source: source, offset: error.offset, reason: error.reason)
        }
        self.init(name: name, source: source, parts: parts)
    }

    private init(name: String, source: ByteSlice, parts: CompiledParts) {
        self.name = name
        self.source = source
        statics = ByteSlice(parts.statics)
        lineStarts = parts.lineStarts
        operations = parts.operations
        paths = parts.paths
        references = parts.references
        blocks = parts.blocks
        arguments = parts.arguments
    }

    /// Renders the template by itself, where it needs no other: a partial or parent that it names
    /// is an error. Pages belong into a `ViewSet`.
    public func render(_ data: ViewValue) throws(TemplateError) -> ByteSlice {
        var library = TemplateLibrary(options: ViewOptions(), source: nil)
        let index = library.register(self, path: name)
        try library.link(from: index)
        var page = ByteBuffer(capacity: 1024)
        try Program.render(index, of: library, data, into: &page)
        return page.finish()
    }

    /// An error at a byte of this template.
    func error(at offset: Int, _ reason: String) -> TemplateError {
        TemplateError(template: name, source: source, offset: offset, reason: reason)
    }
}

/// The tables of a template while they grow.
struct CompiledParts {
    var statics: [UInt8] = []
    var lineStarts: [Int] = []
    var operations: [Template.Operation] = []
    var paths: [Template.NamePath] = []
    var references: [Template.Reference] = []
    var blocks: [Template.Block] = []
    var arguments: [Template.Argument] = []
}
