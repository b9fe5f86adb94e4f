// The files of the app: what is embedded is what lies in Assets, and every page can be made of it.

import Foundation
import Mizu
import Testing

@testable import MizuCounterServer

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

    @Test("every template compiles, and the page shows the number")
    func home() throws {
        let assets = embeddedAssets()
        let views = try ViewSet(paths: assets.names(below: "views/"), mode: .compiledOnce) {
            assets["views/" + $0]
        }
        let page = try views.render("home", ["value": 42])
        #expect(page.string.contains(">42</p>"))
    }
}
