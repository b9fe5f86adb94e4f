// The table of settings as others show it: flags for ArgumentParser, rows in the guide, examples in
// the systemd units. Reads `Configuration.groups` and nothing else.

import Foundation
import Mizu

enum SettingTables {
    static let guide = WrittenTable(
        name: "settings",
        paths: ["README.md"] + SourceTree.files(under: "Assets/Guides", ending: ".md").map(\.path),
        wanted: ".md"
    ) { _ in
        Configuration.groups.flatMap { group in
            ["", "**\(group.title)**", "", "| variable | value | default | meaning |"]
                + ["| --- | --- | --- | --- |"] + group.settings.map(row)
        } + [""]
    }

    private static func row(_ setting: Setting) -> String {
        // A cell ends at a bar, in code too (GitHub's tables).
        let cells = [
            "`\(setting.name)`", "`\(setting.placeholder)`", setting.fallback, setting.help,
        ]
        return "| "
            + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ")
            + " |"
    }

    static let units = WrittenTable(
        name: "settings",
        paths: SourceTree.files(under: "Assets", ending: ".service").map(\.path),
        wanted: ".service"
    ) { path in
        let unit = path.split(separator: "/").last?.dropLast(".service".count) ?? ""
        return Configuration.settings.flatMap { setting -> [String] in
            guard let example = setting.example else { return [] }
            return [
                "#   # \(Setting.plain(setting.sentence))",
                "#   \(setting.name)=\(example.replacingOccurrences(of: "{name}", with: unit))",
            ]
        }
    }

    /// Sources/CLI/SettingFlags.swift. Secrets have no flag.
    static var flags: String {
        var lines = [
            "// The flags of `mizu serve`: one for each setting that is no secret. `make tables`",
            "// writes this file from `Configuration.groups`; do not edit it.", "",
            "import ArgumentParser", "",
            "struct SettingFlags: ParsableArguments {",
        ]
        let groups = Configuration.groups.map { group in
            let settings = group.settings.filter { !$0.isSecret }
            return (
                type: typeName(group.title),
                group: SettingGroup(title: group.title, settings: settings)
            )
        }.filter { !$0.group.settings.isEmpty }
        for (type, group) in groups {
            lines.append("    @OptionGroup(title: \"\(group.title)\") var \(lower(type)): \(type)")
        }
        lines += ["", "    /// The flags that were given, by the settings' names."]
        lines.append("    var given: [(name: String, text: String?)] {")
        lines.append("        [")
        for (type, _) in groups { lines.append("            \(lower(type)).given,") }
        lines += ["        ].flatMap { $0 }", "    }", ""]
        for (type, group) in groups {
            lines.append("    struct \(type): ParsableArguments {")
            for setting in group.settings {
                let wrapper = setting.isSwitch ? "Flag" : "Option"
                let kind = setting.isSwitch ? "Bool" : "String?"
                lines.append(
                    "        @\(wrapper)(setting: \"\(setting.name)\") var "
                        + "\(property(setting.name)): \(kind)")
            }
            lines += ["", "        var given: [(name: String, text: String?)] {", "            ["]
            // As `swift format` has it: behind the last of several elements a comma, else none.
            let comma = group.settings.count == 1 ? "" : ","
            for setting in group.settings {
                let value = property(setting.name) + (setting.isSwitch ? " ? \"true\" : nil" : "")
                lines.append("                (\"\(setting.name)\", \(value))\(comma)")
            }
            lines += ["            ]", "        }", "    }", ""]
        }
        lines.removeLast()
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    /// `DATABASE_URL` as a property: `databaseUrl`, of which ArgumentParser makes `--database-url`.
    private static func property(_ name: String) -> String {
        lower(name.split(separator: "_").map { $0.capitalized }.joined())
    }

    private static func typeName(_ title: String) -> String {
        title.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func lower(_ name: String) -> String {
        name == name.uppercased()
            ? name.lowercased() : name.prefix(1).lowercased() + name.dropFirst()
    }
}
