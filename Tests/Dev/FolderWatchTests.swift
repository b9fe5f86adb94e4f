// Files below a folder of the test's own: what is written, moved in, or lies in a new folder is told.

import Foundation
import Testing

@testable import MizuDev

@Suite("FolderWatch")
struct FolderWatchTests {
    private let root: String

    init() throws {
        root = NSTemporaryDirectory() + "mizu-watch-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: root + "/a/b", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            atPath: root + "/.build", withIntermediateDirectories: true)
    }

    private func write(_ path: String) throws {
        let url = URL(fileURLWithPath: root + "/" + path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("x".utf8).write(to: url)
    }

    private func watch() throws -> FolderWatch {
        try FolderWatch(root: root) { !$0.contains(".build") }
    }

    @Test("a file that is written is told, at the root and in folders; what is left out is not")
    func written() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let watch = try watch()
        #expect(watch.changes() == [])
        for path in ["top.txt", "a/b/deep.txt", ".build/no.txt"] { try write(path) }
        // inotify events are queued before the call that made them returns: no wait is needed.
        #expect(Set(watch.changes()) == ["top.txt", "a/b/deep.txt"])
        #expect(watch.changes() == [])
    }

    @Test("a folder that comes later is followed, with what lay in it before it was looked at")
    func newFolder() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let watch = try watch()
        try write("new/deeper/first.txt")
        #expect(watch.changes().contains("new/deeper/first.txt"))
        try write("new/deeper/second.txt")
        #expect(watch.changes().contains("new/deeper/second.txt"))
    }

    @Test("folders for which no watch is left are named, once, at the start and when they come")
    func unwatched() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try write("a/b/file.txt")
        // The root and one more; .build is not followed and takes none.
        let watch = try FolderWatch(root: root, foldersMax: 2) { !$0.contains(".build") }
        let missing = try #require(watch.takeUnwatched())
        #expect(missing.names == ["a/b"])
        #expect(missing.count == 1)
        #expect(watch.takeUnwatched() == nil)
        try write("late/file.txt")
        #expect(!watch.changes().contains("late/file.txt"))
        #expect(watch.takeUnwatched()?.names == ["late"])
        for number in 0..<30 { try write("many\(number)/file.txt") }
        _ = watch.changes()
        let many = try #require(watch.takeUnwatched())
        #expect(many.count == 30)
        #expect(many.names.count == 20)
    }

    @Test("removing a file is told, and a folder that has gone is forgotten")
    func removed() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try write("a/b/file.txt")
        let watch = try watch()
        try FileManager.default.removeItem(atPath: root + "/a/b/file.txt")
        #expect(watch.changes() == ["a/b/file.txt"])
        try FileManager.default.removeItem(atPath: root + "/a/b")
        _ = watch.changes()
        try write("a/b/file.txt")
        #expect(watch.changes().contains("a/b/file.txt"))
    }
}
