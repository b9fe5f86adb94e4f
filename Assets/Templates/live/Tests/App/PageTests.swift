// What clients of the app are answered: the page, its form, the socket; and that what is embedded is
// what lies in Assets.

import Foundation
import Mizu
import MizuTesting
import Testing

@testable import MizuCounter
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

    @Test("the form counts, once for each id, and every open page hears of it")
    func count() async throws {
        let app = try TestApp { try makeApp($0, assets: embeddedAssets()) }
        let socket = try await app.socket()
        #expect(try await socket.subscribe("sync:_default").type == "ack")
        for _ in 1...2 {
            let form = ["by": "3", "mutation": "m1"]
            let page = try await app.post("/count", form: form, redirects: .followed)
            #expect(page.status == 200)
            #expect(page.text.contains(">3</p>"))
        }
        #expect(try await socket.received().map(\.type) == ["sync"])
    }
}
