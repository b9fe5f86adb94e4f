// The views of an app: renders a page by its name. The door of this room.
// In production everything is compiled before the first request and never changes; in
// development each page is read and compiled anew, so that an edit shows at once.

import MizuBytes
import Synchronization

/// Named templates over a source of bytes: files embedded in the binary, or a folder on the disk.
///
///     let views = try ViewSet(paths: files.names, mode: .compiledOnce) { files[$0] }
///     let page = try views.render("home", ["title": "Todos"])
///
/// A name is a path without suffix, from the root of the views: `pages/home`,
/// `{{> components/todo-item}}`, `{{< layouts/default}}`. What is not there is looked for beside
/// the template that names it, and a bare name also in the usual folders: `home` in `pages/`,
/// `{{>header}}` in `partials/` and `components/`, `{{<default}}` in `layouts/`.
///
/// Any number of threads may render with one set; it has no locks.
public struct ViewSet: Sendable {
    private let library: TemplateLibrary
    private let mode: Mode
    /// Of all templates; of none for a set that rereads.
    private let program: Program
    /// For each page, how large it was last.
    private let sizes: [PageSize]
    /// Pages by their path and by their bare name; empty for a set that rereads.
    private let pages: [String: Int]

    public enum Mode: Sendable {
        /// Everything is compiled at `init`, which throws all that is wrong; nothing is read later.
        case compiledOnce
        /// `init` reads nothing. Each render reads what it needs, once; what is wrong is thrown
        /// there. For development: costs a compilation for each page.
        case rereadOnChange
    }

    /// - Parameters:
    ///   - paths: all files, with suffix (`pages/home.html`); those with another suffix are passed
    ///     over. `rereadOnChange` does without: there a file may be added at any time.
    ///   - source: the bytes of a path, with suffix; `nil` when there is no such file. Called only
    ///     with paths inside the root: never empty, absolute, or with `..`.
    /// - Throws: every error of every template: first what does not compile, in order of `paths`,
    ///   then what leads nowhere; only when `compiledOnce`.
    public init(
        paths: [String], mode: Mode, options: ViewOptions = ViewOptions(),
        source: @escaping @Sendable (String) -> ByteSlice?
    ) throws(TemplateErrors) {
        self.mode = mode
        guard mode == .compiledOnce else {
            library = TemplateLibrary(options: options, source: source)
            program = Program(library)
            pages = [:]
            sizes = []
            return
        }
        var library = TemplateLibrary(options: options, source: nil)
        var errors: [TemplateError] = []
        for path in paths where path.hasSuffix(options.suffix) {
            guard let bytes = source(path) else {
                let name = options.folder + path
                errors.append(TemplateError(template: name, reason: "cannot be read"))
                continue
            }
            let name = String(path.dropLast(options.suffix.count))
            do throws(TemplateError) {
                try library.compile(bytes, path: name)
            } catch {
                errors.append(error)
                // Stands in for the broken one, which exists for those that lead to it.
                _ = try? library.compile(.empty, path: name)
            }
        }
        errors += library.linkAll()
        guard errors.isEmpty else { throw TemplateErrors(errors: errors) }
        self.library = library
        program = Program(library)
        pages = ViewSet.pages(of: library)
        sizes = library.entries.map { _ in PageSize() }
    }

    /// What `render` may be asked for without a search: the same that the search would find.
    private static func pages(of library: TemplateLibrary) -> [String: Int] {
        var pages: [String: Int] = [:]
        for (index, entry) in library.entries.enumerated() {
            pages[entry.path] = index
            guard entry.path.hasPrefix("pages/") else { continue }
            let bare = String(entry.path.dropFirst("pages/".count))
            if !bare.contains("/"), pages[bare] == nil { pages[bare] = index }
        }
        return pages
    }

    /// The names of all pages, partials and parents, in order of `paths`; empty for a set that
    /// rereads.
    public var names: [String] { library.entries.map(\.path) }

    /// Writes the page `name` with `data` at the end of `page`.
    /// - Parameter added: members that count as the data's own, instead of those of the same names
    ///   there: what every page gets.
    /// - Throws: what is wrong, with its place; `page` then holds what it held before, so that
    ///   half a page is never sent.
    public func render(
        _ name: String, _ data: ViewValue, adding added: ViewValue = .null,
        into page: inout ByteBuffer
    ) throws(TemplateError) {
        if let index = pages[name] {
            return try program.render(index, data, adding: added, into: &page)
        }
        var library = library
        guard let index = try library.find(name, .page, from: "") else {
            let looked = library.candidates(for: name, .page, from: "")
                .map { library.options.folder + $0 + library.options.suffix }
            throw TemplateError(
                template: looked.first ?? name,
                reason: "page \"\(name)\" does not exist"
                    + (looked.isEmpty ? "" : " (looked for \(looked.joined(separator: ", ")))"))
        }
        guard mode == .rereadOnChange else {
            return try program.render(index, data, adding: added, into: &page)
        }
        try library.link(from: index)
        try Program.render(index, of: library, data, adding: added, into: &page)
    }

    /// The page `name` with `data`, in memory of its own: as much as the page needed last, so that
    /// one that is like it is written without moving. See the other `render`.
    public func render(
        _ name: String, _ data: ViewValue, adding added: ViewValue = .null
    ) throws(TemplateError) -> ByteSlice {
        let size = pages[name].map { sizes[$0] }
        var page = ByteBuffer(capacity: size?.capacity ?? 4096)
        try render(name, data, adding: added, into: &page)
        size?.note(page.count)
        // One that turned out much smaller does not keep the memory of a large one alive.
        let isLoose = page.capacity / 2 > page.count + 4096
        let bytes = page.finish()
        return isLoose ? bytes.compacted : bytes
    }

    /// The page `name` with the data that `value` encodes itself to.
    /// - Throws: `TemplateError`, or what `ViewValue(encoding:)` throws.
    public func render(_ name: String, encoding value: some Encodable) throws -> ByteSlice {
        try render(name, ViewValue(encoding: value))
    }
}

/// How large a page was when it was rendered last. Any thread: a hint, which may be stale.
private final class PageSize: Sendable {
    private let bytes = Atomic(4096)

    /// Memory for a page that is a little larger.
    var capacity: Int {
        let bytes = bytes.load(ordering: .relaxed)
        return bytes + bytes / 16 + 256
    }

    func note(_ count: Int) {
        if bytes.load(ordering: .relaxed) != count { bytes.store(count, ordering: .relaxed) }
    }
}
