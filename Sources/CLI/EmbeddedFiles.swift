// What is embedded in the command: the templates, of which `mizu serve` runs one, and licences.

import CTemplates
import Mizu
import MizuScaffold

enum EmbeddedFiles {
    /// All of it, for `mizu new`. The bytes are not copied.
    static func all() -> [EmbeddedFile] {
        (0..<mizu_templates_count).map { index in
            let file = mizu_template_at(index)
            return EmbeddedFile(
                name: String(cString: file.name),
                bytes: ByteSlice(SharedBytes(static: file.bytes, count: file.count)))
        }
    }

    /// The files of the todo app, as its own program has them: with the scripts joined.
    static func ofTodoApp() -> Assets {
        let folder = "Templates/sync/Assets/"
        let script = folder + "static/js/app.js"
        let all = 0..<mizu_templates_count
        let own = all.filter { name($0).hasPrefix(folder) }
        let joined = all.first { name($0) == "Templates/sync/CShims/CAssets/app.js" }
        return Assets(count: own.count) { index in
            let file = mizu_template_at(own[index])
            let isScript = String(cString: file.name) == script
            let content = isScript ? joined.map { mizu_template_at($0) } ?? file : file
            return (
                file.name + folder.utf8.count, UnsafeRawPointer(content.bytes), content.count
            )
        }
    }

    private static func name(_ index: Int) -> String {
        String(cString: mizu_template_at(index).name)
    }
}
