// What a new app consists of, before anything looks at the disk: a template's files with its names
// replaced, the line of the manifest that says where Mizu is, and a licence. A pure function of
// what was asked for.

import MizuBytes

/// What `mizu new` was asked for.
public struct Blueprint: Sendable {
    public let template: AppTemplate
    public let names: ProjectNames
    public let location: MizuLocation
    public let licence: Licence
    /// Sorted by path.
    public let files: [File]

    /// A file to be, its path below the app's folder.
    public struct File: Sendable {
        public let path: String
        public let bytes: [UInt8]
    }

    /// - Parameters:
    ///   - variables: what `--var` said; unknown keys are refused.
    ///   - year: for the licence, unless a variable says another.
    ///   - embedded: the licences' texts are in it.
    /// - Throws: `.badOption`.
    public init(
        template: AppTemplate, names: ProjectNames, location: MizuLocation,
        licence: Licence = .none,
        variables: [String: String] = [:], year: Int, embedded: [EmbeddedFile]
    ) throws(ScaffoldError) {
        try Self.check(variables, of: template, licence)
        self.template = template
        self.names = names
        self.location = location
        self.licence = licence
        let fill = WordFill(
            Self.words(template.names, names)
                + template.variables.map { ($0.value, variables[$0.key] ?? $0.value) })
        var files = template.files.map { file in
            var bytes = file.bytes.withUnsafeBytes { Array($0) }
            if file.name == "Package.swift" { bytes = Self.manifest(bytes, location) }
            let path = fill.fill(file.name)
            return File(path: path, bytes: fill.fill(bytes, quoting: .of(path: path)))
        }
        let text = licence.text(
            year: variables["year"] ?? String(year),
            holder: variables["author"] ?? "The authors of \(names.title)", in: embedded)
        if let text { files.append(File(path: "LICENSE", bytes: text)) }
        self.files = files.sorted { Array($0.path.utf8).lexicographicallyPrecedes($1.path.utf8) }
    }

    /// Bytes of all files.
    public var byteCount: Int { files.reduce(0) { $0 + $1.bytes.count } }

    // MARK: Parts

    private static func words(
        _ old: ProjectNames, _ new: ProjectNames
    ) -> [(word: String, text: String)] {
        [
            (old.module, new.module), (old.command, new.command), (old.symbol, new.symbol),
            (old.title, new.title),
        ]
    }

    /// In the template Mizu is the folder that all templates lie in.
    private static func manifest(_ bytes: [UInt8], _ location: MizuLocation) -> [UInt8] {
        WordFill([
            (".package(name: \"mizu\", path: \"../../..\")", location.manifestLine),
            ("package: \"mizu\"", "package: \(Quoting.swift(location.identity))"),
        ]).fill(bytes)
    }

    private static func check(
        _ variables: [String: String], of template: AppTemplate, _ licence: Licence
    ) throws(ScaffoldError) {
        let ofLicence = licence == .none ? [] : ["author", "year"]
        let known = template.variables.keys.sorted() + ofLicence
        for (key, text) in variables.sorted(by: { $0.key < $1.key }) {
            guard known.contains(key) else {
                let isForLicence = key == "author" || key == "year"
                throw ScaffoldError(
                    .badOption, "the template \(template.name) has no variable \"\(key)\"",
                    hint: isForLicence
                        ? "\(key) goes into a licence: add --license MIT"
                        : Suggestion.hint(for: key, among: known))
            }
            if key == "year" {
                guard text.utf8.count == 4, Int(text) != nil else {
                    throw ScaffoldError(.badOption, "--var year takes four digits, not \"\(text)\"")
                }
            } else {
                try ProjectNames.checkText(text, "--var \(key)")
            }
        }
    }
}
