// The files that are embedded in the command, as the tests see them; and a folder of a test's own.

import CTemplates
import Foundation
import MizuBytes
import MizuScaffold

enum Embedded {
    static let files: [EmbeddedFile] = (0..<mizu_templates_count).map { index in
        let file = mizu_template_at(index)
        return EmbeddedFile(
            name: String(cString: file.name),
            bytes: ByteSlice(SharedBytes(static: file.bytes, count: file.count)))
    }

    static func blueprint(
        _ template: String = "minimal", folder: String = "my-app", module: String? = nil,
        title: String? = nil, location: MizuLocation = .folder("/opt/mizu"),
        licence: Licence = .none, variables: [String: String] = [:]
    ) throws -> Blueprint {
        try Blueprint(
            template: .named(template, among: .all(in: files)),
            names: ProjectNames(folder: folder, module: module, title: title),
            location: location, licence: licence, variables: variables, year: 2031,
            embedded: files)
    }
}

extension Array where Element == AppTemplate {
    static func all(in files: [EmbeddedFile]) throws -> [AppTemplate] {
        try AppTemplate.all(in: files)
    }
}

extension Blueprint {
    func text(_ path: String) -> String? {
        files.first { $0.path == path }.map { String(decoding: $0.bytes, as: UTF8.self) }
    }
}

/// A folder that is removed with the last reference to it.
final class TestFolder {
    let path = FileManager.default.temporaryDirectory.path + "/mizu-scaffold-\(UUID())"

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Every path below it, sorted; hidden ones too.
    var contents: [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).sorted()
    }

    func write(_ name: String, _ text: String) throws {
        let url = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: url, atomically: false, encoding: .utf8)
    }

    func read(_ name: String) throws -> String {
        try String(contentsOfFile: path + "/" + name, encoding: .utf8)
    }
}
