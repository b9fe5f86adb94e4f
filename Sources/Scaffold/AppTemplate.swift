// A template: an app of this package, with the words in it that a new app replaces. What it is
// called and which words those are stands in its `template.json`, which is not written out. Reads
// only what is embedded in the command; knows no disk.

import MizuBytes

/// A file that is embedded in the command. Names are paths with `/`.
public struct EmbeddedFile: Sendable {
    public let name: String
    public let bytes: ByteSlice

    public init(name: String, bytes: ByteSlice) {
        self.name = name
        self.bytes = bytes
    }
}

public struct AppTemplate: Sendable {
    public let name: String
    public let description: String
    public let tags: [String]
    /// The words that `--var` replaces, which are the defaults at once.
    public let variables: [String: String]
    /// The names of the app that the template is.
    let names: ProjectNames
    /// Paths below the new folder.
    let files: [EmbeddedFile]

    /// What `template.json` holds.
    private struct Description: Decodable {
        var name: String
        var description: String
        var tags: [String]
        var module: String
        var command: String
        var symbol: String
        var title: String
        var variables: [String: String]?
    }

    /// The template below `folder` (ends with `/`) of `embedded`.
    /// - Throws: `.badOption` if the command was built wrong, which a test would have found.
    init(folder: String, in embedded: [EmbeddedFile]) throws(ScaffoldError) {
        let own = embedded.filter { $0.name.hasPrefix(folder) }
            .map { EmbeddedFile(name: String($0.name.dropFirst(folder.count)), bytes: $0.bytes) }
        guard let description = own.first(where: { $0.name == Self.descriptionName }) else {
            throw ScaffoldError(.badOption, "\(folder)\(Self.descriptionName) is missing")
        }
        do {
            let read: Description = try JSON.parse(description.bytes).decode()
            name = read.name
            self.description = read.description
            tags = read.tags
            variables = read.variables ?? [:]
            names = ProjectNames(
                module: read.module, command: read.command, symbol: read.symbol, title: read.title)
        } catch {
            throw ScaffoldError(.badOption, "\(folder)\(Self.descriptionName): \(error)")
        }
        files = own.filter { $0.name != Self.descriptionName }
    }

    static let descriptionName = "template.json"
    static let root = "Templates/"

    /// Every template that is embedded; those with the most to show first.
    public static func all(in embedded: [EmbeddedFile]) throws(ScaffoldError) -> [AppTemplate] {
        var templates: [AppTemplate] = []
        for file in embedded {
            let parts = file.name.split(separator: "/")
            guard parts.count == 3, file.name.hasPrefix(root), parts[2] == descriptionName[...]
            else { continue }
            templates.append(try AppTemplate(folder: "\(root)\(parts[1])/", in: embedded))
        }
        return templates.sorted { ($1.files.count, $0.name) < ($0.files.count, $1.name) }
    }

    /// The one with that name.
    /// - Throws: `.badOption` with the closest name.
    public static func named(
        _ name: String, among templates: [AppTemplate]
    ) throws(ScaffoldError) -> AppTemplate {
        if let found = templates.first(where: { $0.name == name }) { return found }
        throw ScaffoldError(
            .badOption, "there is no template \"\(name)\"",
            hint: Suggestion.hint(for: name, among: templates.map(\.name)))
    }
}
