// What is embedded in the command: the templates, of which `mizu serve` runs one, and licences.

import CTemplates
import Mizu
import MizuScaffold

enum EmbeddedFiles {
    /// All of it, for `mizu new`. The bytes are not copied. Files packed by brotli are left out: an
    /// app has names of its own in its files, and `make assets` packs them anew.
    static func all() -> [EmbeddedFile] {
        (0..<mizu_templates_count).filter { !name($0).contains("/CShims/packed/") }.map { index in
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
        let packed = "Templates/sync/CShims/packed/"
        let all = 0..<mizu_templates_count
        let own = all.filter {
            name($0).hasPrefix(folder) || name($0).hasPrefix(packed) && name($0).hasSuffix(".br")
        }
        let joined = all.first { name($0) == "Templates/sync/CShims/CAssets/app.js" }
        return Assets(count: own.count) { index in
            let file = mizu_template_at(own[index])
            let name = String(cString: file.name)
            let content = name == script ? joined.map { mizu_template_at($0) } ?? file : file
            // "packed/SHA1.br", as the table of its own program names it.
            let left = name.hasPrefix(folder) ? folder : "Templates/sync/CShims/"
            return (file.name + left.utf8.count, UnsafeRawPointer(content.bytes), content.count)
        }
    }

    private static func name(_ index: Int) -> String {
        String(cString: mizu_template_at(index).name)
    }
}
