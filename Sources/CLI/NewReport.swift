// What `mizu new` says: the plan before it is carried out, the next steps after it, and the same as
// one JSON object for programs. Only texts; writes nothing.

import Mizu
import MizuScaffold

struct NewReport {
    enum State { case planned, written }

    let blueprint: Blueprint
    let plan: WritePlan
    /// The path as it was typed.
    let given: String
    let state: State

    // MARK: For people

    var planText: String {
        let names = blueprint.names
        let title = Terminal.styled(names.title, .bold)
        var lines = ["\(title): template \(blueprint.template.name), module \(names.module)"]
        lines += ["in \(plan.root)", ""]
        for step in plan.steps {
            let word = Terminal.styled(
                step.action.rawValue, step.action == .create ? .green : .yellow)
            lines.append("  \(word)  \(step.file.path)")
        }
        let size = (blueprint.byteCount + 1023) / 1024
        lines += ["", "\(plan.steps.count) files, \(size) KiB"]
        return lines.joined(separator: "\n")
    }

    var endText: String {
        guard state == .written else { return "A dry run: nothing was written." }
        return (["", "Next:"] + nextSteps.map { "  " + $0 }).joined(separator: "\n")
    }

    private var nextSteps: [String] {
        let isHere = given == "." || given == "./"
        return (isHere ? [] : ["cd " + Terminal.quoted(given)]) + ["mizu dev", "swift test"]
    }

    static func text(_ templates: [AppTemplate]) -> String {
        let width = templates.map(\.name.count).max() ?? 0
        return templates.map { template in
            let gap = String(repeating: " ", count: width - template.name.count + 2)
            let indent = String(repeating: " ", count: width + 2)
            return Terminal.styled(template.name, .bold) + gap + template.description + "\n"
                + indent + Terminal.styled(template.tags.joined(separator: ", "), .dim)
        }.joined(separator: "\n")
    }

    // MARK: For programs

    var json: String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("path")
        writer.string(plan.root)
        writer.key("template")
        writer.string(blueprint.template.name)
        for (key, text) in [
            ("name", blueprint.names.title), ("module", blueprint.names.module),
            ("command", blueprint.names.command), ("license", blueprint.licence.rawValue),
            ("mizu", blueprint.location.manifestLine),
        ] {
            writer.key(key)
            writer.string(text)
        }
        writer.key("written")
        writer.bool(state == .written)
        writer.key("files")
        writer.beginArray()
        for step in plan.steps {
            writer.beginObject()
            writer.key("path")
            writer.string(step.file.path)
            writer.key("action")
            writer.string(step.action.rawValue)
            writer.key("bytes")
            writer.int(step.file.bytes.count)
            writer.endObject()
        }
        writer.endArray()
        Self.add("next", nextSteps, to: &writer)
        writer.endObject()
        return writer.finish().string
    }

    static func json(_ templates: [AppTemplate]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for template in templates {
            writer.beginObject()
            writer.key("name")
            writer.string(template.name)
            writer.key("description")
            writer.string(template.description)
            add("tags", template.tags, to: &writer)
            writer.key("variables")
            writer.beginObject()
            for (key, text) in template.variables.sorted(by: { $0.key < $1.key }) {
                writer.key(key)
                writer.string(text)
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
        return writer.finish().string
    }

    static func json(_ error: ScaffoldError) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("code")
        writer.string(error.code.rawValue)
        writer.key("error")
        writer.string(error.message)
        if let hint = error.hint {
            writer.key("hint")
            writer.string(hint)
        }
        writer.endObject()
        return writer.finish().string
    }

    private static func add(
        _ key: StaticString, _ texts: [String], to writer: inout JSONWriter
    ) {
        writer.key(key)
        writer.beginArray()
        for text in texts { writer.string(text) }
        writer.endArray()
    }
}
