// What the tests of this room share: sets from a few literals, pages as strings.

import MizuBytes
import MizuView

/// A set compiled from files given as `path: text`.
func views(
    _ files: [String: String], options: ViewOptions = ViewOptions()
) throws(TemplateErrors) -> ViewSet {
    try ViewSet(paths: files.keys.sorted(), mode: .compiledOnce, options: options) { path in
        files[path].map { ByteSlice($0) }
    }
}

/// The page of a lone template.
func rendered(_ template: String, _ data: ViewValue = [:]) throws(TemplateError) -> String {
    try Template(name: "t.html", source: ByteSlice(template)).render(data).string
}

/// The page of `main` in a set of templates, whose names have no folder and no suffix.
func rendered(
    _ main: String, with partials: [String: String], _ data: ViewValue = [:],
    unknown: ViewOptions.UnknownPartials = .fail
) throws -> String {
    var files = partials
    files["main"] = main
    let options = ViewOptions(unknownPartials: unknown, suffix: "", folder: "")
    return try views(files, options: options).render("main", data).string
}
