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

    /// The files of the todo app, as its own program would have them.
    static func ofTodoApp() -> Assets {
        let folder = "Templates/sync/Assets/"
        let own = (0..<mizu_templates_count).filter { index in
            String(cString: mizu_template_at(index).name).hasPrefix(folder)
        }
        return Assets(count: own.count) { index in
            let file = mizu_template_at(own[index])
            return (file.name + folder.utf8.count, UnsafeRawPointer(file.bytes), file.count)
        }
    }
}
