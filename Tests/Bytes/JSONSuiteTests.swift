// The JSON reader against JSONTestSuite (`../shared/vectors/json`), which lies beside the
// repository, not in it; left out with a message where it is absent.

import Foundation
import MizuBytes
import Testing

@Suite("RFC 8259: JSONTestSuite")
struct JSONSuiteTests {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("shared/vectors/json/test_parsing")

    static var files: [URL] {
        let all = try? FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        return (all ?? []).filter { $0.pathExtension == "json" }
    }

    @Test(
        "every y_ file is taken, every n_ file refused, no i_ file does harm",
        .enabled(if: !files.isEmpty, "../shared/vectors/json is absent"))
    func suite() throws {
        for file in Self.files {
            let name = file.lastPathComponent
            let bytes = [UInt8](try Data(contentsOf: file))
            let outcome = Result { try JSON.parse(bytes, depthMax: .max, surrogates: .allow) }
            switch name.prefix(2) {
            case "y_": #expect(throws: Never.self, "\(name)") { try outcome.get() }
            case "n_": #expect(throws: JSONError.self, "\(name)") { try outcome.get() }
            default: break
            }
            if case .success(let value) = outcome { walk(value, depthMax: 600) }
        }
    }
}
