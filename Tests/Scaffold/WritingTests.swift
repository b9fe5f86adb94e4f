// Writing an app: what stands in the way is told before anything is written, and whatever goes wrong
// later, the disk is as it was.

import Foundation
import MizuScaffold
import Testing

@Suite("Writing an app")
struct WritingTests {
    private let folder: TestFolder
    private let blueprint: Blueprint
    private let root: String

    init() throws {
        folder = try TestFolder()
        blueprint = try Embedded.blueprint()
        root = folder.path + "/deep/er/my-app"
    }

    private func plan(_ existing: WritePlan.Existing = .keep) throws -> WritePlan {
        try WritePlan(blueprint.files, under: root, existing: existing)
    }

    @Test("every file is there afterwards, whole, and nothing else")
    func writes() throws {
        try PlanWriter.write(try plan())
        for file in blueprint.files {
            let bytes = FileManager.default.contents(atPath: root + "/" + file.path)
            #expect(bytes.map(Array.init) == file.bytes, "\(file.path)")
        }
        let files = folder.contents.filter { path in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(
                atPath: folder.path + "/" + path, isDirectory: &isFolder)
            return !isFolder.boolValue
        }
        #expect(files.count == blueprint.files.count)
    }

    @Test("planning writes nothing")
    func planning() throws {
        _ = try plan()
        #expect(folder.contents == [])
    }

    @Test("a file that is there is named, kept, and replaced only where that was asked for")
    func existing() throws {
        try folder.write("deep/er/my-app/README.md", "mine")
        try folder.write("deep/er/my-app/notes.txt", "mine too")
        let error = try #require(throws: ScaffoldError.self) { try plan() }
        #expect(error.code == .exists)
        #expect(error.message.contains("README.md"))
        #expect(!error.message.contains("notes.txt"))
        chmod(root + "/README.md", 0o600)
        try PlanWriter.write(try plan(.replace))
        #expect(try folder.read("deep/er/my-app/README.md").hasPrefix("# My App"))
        #expect(try folder.read("deep/er/my-app/notes.txt") == "mine too")
        #expect(!folder.contents.contains { $0.contains(".mizu-") })
        var status = stat()
        #expect(stat(root + "/README.md", &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("a folder, a link or a pipe where a file must be is in the way, whatever was asked for")
    func inTheWay() throws {
        try folder.write("deep/er/my-app/README.md/inside", "x")
        try FileManager.default.createSymbolicLink(
            atPath: root + "/Makefile", withDestinationPath: "/etc/hostname")
        #expect(mkfifo(root + "/Package.swift", 0o600) == 0)
        let before = folder.contents
        let error = try #require(throws: ScaffoldError.self) { try plan(.replace) }
        #expect(error.code == .inTheWay)
        #expect(error.message.contains("README.md is a folder"))
        #expect(error.message.contains("Makefile is a link"))
        #expect(error.message.contains("Package.swift is not a regular file"))
        #expect(folder.contents == before)
    }

    @Test(
        "a file where a folder must be is in the way",
        arguments: ["deep", "deep/er/my-app", "deep/er/my-app/Sources"])
    func fileForFolder(path: String) throws {
        try folder.write(path, "a file")
        let error = try #require(throws: ScaffoldError.self) { try plan(.replace) }
        #expect(error.code == .inTheWay)
        #expect(error.message == "something is in the way: \(folder.path)/\(path) is not a folder")
        #expect(try folder.read(path) == "a file")
    }

    @Test("who comes between plan and writing wins, and nothing of ours is left")
    func race() throws {
        try folder.write("deep/other", "theirs")
        let plan = try plan()
        try FileManager.default.createDirectory(
            atPath: root + "/Tests", withIntermediateDirectories: true)
        let error = try #require(throws: ScaffoldError.self) { try PlanWriter.write(plan) }
        #expect(error.code == .system)
        #expect(
            folder.contents == [
                "deep", "deep/er", "deep/er/my-app", "deep/er/my-app/Tests", "deep/other",
            ])
    }

    @Test("where a replaced file's neighbour cannot be placed, the old files come back")
    func rollback() throws {
        try folder.write("deep/er/my-app/Makefile", "mine")
        try folder.write("deep/er/my-app/Tests/App/HelloTests.swift", "mine as well")
        let plan = try plan(.replace)
        // It was planned as new, and comes behind the Makefile.
        try folder.write("deep/er/my-app/README.md", "theirs")
        let before = folder.contents
        let error = try #require(throws: ScaffoldError.self) { try PlanWriter.write(plan) }
        #expect(error.code == .exists)
        #expect(try folder.read("deep/er/my-app/Makefile") == "mine")
        #expect(try folder.read("deep/er/my-app/Tests/App/HelloTests.swift") == "mine as well")
        #expect(try folder.read("deep/er/my-app/README.md") == "theirs")
        #expect(folder.contents == before)
    }

    @Test("two who write the same app at once: one of them does, the other leaves nothing")
    func twoAtOnce() async throws {
        let blueprint = blueprint
        let root = root
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    do {
                        try PlanWriter.write(
                            WritePlan(blueprint.files, under: root, existing: .keep))
                        return true
                    } catch { return false }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 } <= 1)
        #expect(!folder.contents.contains { $0.contains(".mizu-") })
        if outcomes.contains(true) {
            #expect(folder.contents.count { $0.hasSuffix("Package.swift") } == 1)
        }
    }
}
