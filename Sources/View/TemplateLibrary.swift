// Templates that know each other: which name means which template, and where each partial and
// parent of a template leads. A value: the library of a running server never changes; one that
// rereads its source is made anew for each page, and grows if data names one more template.

import MizuBytes

struct TemplateLibrary: Sendable {
    let options: ViewOptions
    /// Reads a path that is not registered, on demand; `nil` if all are registered.
    let source: (@Sendable (String) -> ByteSlice?)?
    private(set) var entries: [Entry] = []
    private var indexByPath: [String: Int] = [:]

    struct Entry: Sendable {
        let template: Template
        /// Without the suffix: `pages/home`.
        let path: String
        /// One for each of the template's references, once it is linked.
        var links: [Link]?
    }

    enum Link: Sendable {
        case template(Int)
        /// Nothing is rendered (`UnknownPartials.renderEmpty`).
        case nothing
        /// The data says the name when the page is rendered.
        case dynamic(path: Int)
    }

    /// The use of a name; it decides the folder in which a bare name is looked for.
    enum Use: Sendable {
        case page, partial, parent

        var folders: [String] {
            switch self {
            case .page: ["pages"]
            case .partial: ["partials", "components"]
            case .parent: ["layouts"]
            }
        }

        var noun: String {
            switch self {
            case .page: "page"
            case .partial: "partial"
            case .parent: "parent"
            }
        }
    }

    init(options: ViewOptions, source: (@Sendable (String) -> ByteSlice?)?) {
        self.options = options
        self.source = source
    }

    /// Adds a template under `path`, or replaces the one that has it; returns its index.
    mutating func register(_ template: Template, path: String) -> Int {
        if let index = indexByPath[path] {
            entries[index] = Entry(template: template, path: path, links: nil)
            return index
        }
        entries.append(Entry(template: template, path: path, links: nil))
        indexByPath[path] = entries.count - 1
        return entries.count - 1
    }

    /// Compiles `bytes` under `path` (without suffix).
    @discardableResult
    mutating func compile(_ bytes: ByteSlice, path: String) throws(TemplateError) -> Int {
        let template = try Template(
            name: options.folder + path + options.suffix, source: bytes, limits: options.limits)
        return register(template, path: path)
    }

    // MARK: - Names

    /// The template that `name` means when it is used in the template at `path`: the exact path
    /// from the root of the views, else beside that template, else in the folder for such a use.
    /// - Throws: when it has to be compiled first, and that fails.
    mutating func find(
        _ name: String, _ use: Use, from path: String
    ) throws(TemplateError) -> Int? {
        // Registered paths are in plain form: what equals one is its own best candidate.
        if let index = indexByPath[name] { return index }
        for candidate in candidates(for: name, use, from: path) {
            if let index = indexByPath[candidate] { return index }
            if let bytes = source?(candidate + options.suffix) {
                return try compile(bytes, path: candidate)
            }
        }
        return nil
    }

    /// The same among the templates that are registered.
    func known(_ name: String, _ use: Use, from path: String) -> Int? {
        if let index = indexByPath[name] { return index }
        return candidates(for: name, use, from: path).lazy.compactMap { indexByPath[$0] }.first
    }

    /// Paths that `name` may mean, best first; none when it leads out of the views.
    func candidates(for name: String, _ use: Use, from path: String) -> [String] {
        var name = Substring(name)
        if !options.suffix.isEmpty, name.hasSuffix(options.suffix) {
            name = name.dropLast(options.suffix.count)
        }
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        var found: [String] = []
        func add(_ parts: [Substring]) {
            guard let path = TemplateLibrary.joined(parts), !found.contains(path) else { return }
            found.append(path)
        }
        if !name.hasPrefix("./"), !name.hasPrefix("../") { add([name]) }
        add([Substring(folder), name])
        if !name.contains("/") {
            for folder in use.folders { add([Substring(folder), name]) }
        }
        return found
    }

    /// Joins parts of a path and resolves `.` and `..`; `nil` for what is no path inside the
    /// root. Names may come from data (`{{>*name}}`), and the source may be a disk.
    private static func joined(_ parts: [Substring]) -> String? {
        var segments: [Substring] = []
        for part in parts where !part.isEmpty {
            for segment in part.split(separator: "/", omittingEmptySubsequences: false) {
                switch segment {
                case "": return nil
                case ".": continue
                case "..":
                    guard segments.popLast() != nil else { return nil }
                default:
                    guard !segment.utf8.contains(where: { $0 < 0x20 || $0 == 0x5C }) else {
                        return nil
                    }
                    segments.append(segment)
                }
            }
        }
        return segments.isEmpty ? nil : segments.joined(separator: "/")
    }

    // MARK: - Links

    /// Links the template at `index`, and all that it leads to.
    mutating func link(from index: Int) throws(TemplateError) {
        var waiting = [index]
        while let next = waiting.popLast() {
            guard entries[next].links == nil else { continue }
            let errors = linkOne(next)
            if let first = errors.first { throw first }
            for case .template(let target) in entries[next].links ?? [] { waiting.append(target) }
        }
    }

    /// Links every template; returns all that is wrong.
    mutating func linkAll() -> [TemplateError] {
        entries.indices.flatMap { linkOne($0) }
    }

    private mutating func linkOne(_ index: Int) -> [TemplateError] {
        let entry = entries[index]
        var links: [Link] = []
        var errors: [TemplateError] = []
        for reference in entry.template.references {
            switch reference.target {
            case .dynamic(let path):
                links.append(.dynamic(path: path))
            case .named(let name):
                do throws(TemplateError) {
                    let target = try find(name, reference.use, from: entry.path)
                    if target == nil, options.unknownPartials == .fail {
                        throw unknown(name, reference, in: entry)
                    }
                    links.append(target.map { .template($0) } ?? .nothing)
                } catch {
                    errors.append(error)
                    links.append(.nothing)
                }
            }
        }
        entries[index].links = links
        return errors
    }

    /// The error for a reference that leads nowhere; says where was looked.
    func unknown(
        _ name: String, _ reference: Template.Reference, in entry: Entry
    ) -> TemplateError {
        let looked = candidates(for: name, reference.use, from: entry.path)
            .map { options.folder + $0 + options.suffix }
        let reason = "\(reference.use.noun) \"\(name)\" does not exist"
        return entry.template.error(
            at: reference.offset,
            looked.isEmpty
                ? reason + ": the name is no path inside the views"
                : reason + " (looked for " + looked.joined(separator: ", ") + ")")
    }
}

extension Template.Reference {
    var use: TemplateLibrary.Use { kind == .partial ? .partial : .parent }
}
