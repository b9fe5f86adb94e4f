// The files of the app: what is embedded is what lies in Assets, and every page can be made of it.

import Foundation
import Mizu
import Testing

@testable import MizuTodoServer

@Suite("Pages and files")
struct PageTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Assets")

    @Test("what is embedded is what lies in Assets: run `make assets` after adding a file")
    func embedded() throws {
        let assets = embeddedAssets()
        for part in ["views", "static"] {
            let path = Self.folder.appendingPathComponent(part).path
            let found = try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
                var isFolder: ObjCBool = false
                let full = path + "/" + name
                return FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
                    && !isFolder.boolValue
                    && !name.split(separator: "/").contains { $0.first == "." }
            }
            #expect(assets.names(below: part + "/") == found.sorted())
        }
    }

    @Test("every template compiles, and the page shows a to-do without running what is in it")
    func home() throws {
        let assets = embeddedAssets()
        let views = try ViewSet(paths: assets.names(below: "views/"), mode: .compiledOnce) {
            assets["views/" + $0]
        }
        let page = try views.render(
            "home", ["todos": [["id": "t1", "title": "<b>Milk</b>"]], "count": 1, "remaining": 1])
        #expect(page.string.contains("&lt;b&gt;Milk&lt;/b&gt;"))
        #expect(!page.string.contains("<b>Milk"))
    }
}
