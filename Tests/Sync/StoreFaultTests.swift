// The files of a killed store, cut at every byte of the last 4 KB of what is in them or with a bit of
// it flipped: it opens with everything acknowledged, or says which file is damaged and what helps.
// In `make test` a seeded sample of the places; MIZU_STORE_FAULTS is how many, or `all`.

import Glibc
import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncSQLite

@Suite("Damage to the files of a store", .serialized)
struct StoreFaultTests {
    enum Damage: String, CaseIterable, Sendable { case cut, flip }

    static let files = ["-commits0", "-commits1", "-wal"]
    private static let scopes = ["left", "right"]
    private static let sampleMax = 24

    /// What a scope shows: its log, and its records.
    private struct View: Equatable {
        var changes: [String] = []
        var records = ""
    }

    /// Files as a kill leaves them, and what they must show.
    private final class Killed {
        let directory: TemporaryDirectory
        private(set) var files: [String: [UInt8]] = [:]
        private(set) var views: [View] = []

        /// - Parameter folds: after how many pushes what waits is folded.
        init(foldsAfter folds: Int, pushes: Int) throws {
            directory = try TemporaryDirectory()
            let harness = try Harness(.sqlite)
            for number in 0..<pushes {
                let scope = scopes[number % scopes.count]
                _ = try harness.mutate(
                    "m\(number)", number % 5 == 4 ? "note.add" : "note.put",
                    #"{"id":"n\#(number % 7)","text":"\#(String(repeating: "t", count: number * 3))"}"#,
                    scope: scope)
                if number % folds == folds - 1 { try harness.store?.fold(.whole) }
            }
            for suffix in [""] + StoreFaultTests.files {
                files[suffix] = Backing.read(harness.backing.file + suffix)
            }
            views = try scopes.map { try view(of: $0, try #require(harness.reader)) }
        }

        var path: String { directory.path + "/mizu.db" }

        /// Puts the files there, one of them damaged.
        func write(_ damaged: (suffix: String, bytes: [UInt8])?) throws {
            for suffix in [""] + StoreFaultTests.files + ["-shm", "-lock"] {
                unlink(path + suffix)
                let bytes = damaged?.suffix == suffix ? damaged?.bytes : files[suffix]
                if let bytes { try Backing.write(bytes, to: path + suffix) }
            }
        }
    }

    private static func view(of scope: String, _ reader: any SyncReader) throws -> View {
        let limits = SyncLimits()
        var view = View()
        let pull = try PullRequest.parse(
            ByteSlice(#"{"scope":"\#(scope)","cursor":0,"limit":1000}"#), limits: limits)
        let page = try JSON.parse(ByteSlice(try reader.pull(pull, limits: limits).get().text))
        view.changes = page.member("changes")?.elements.map(\.text) ?? []
        let snapshot = try SnapshotRequest.parse(
            ByteSlice(#"{"scope":"\#(scope)","limit":1000}"#), limits: limits)
        let pages = try reader.snapshot(snapshot, limits: limits).get()
        let records = try JSON.parse(ByteSlice(pages.map(\.string).joined())).member("records")
        view.records = records?.text ?? ""
        return view
    }

    /// - Returns: why it is wrong; nil if it is right.
    private func wrong(_ killed: Killed) -> String? {
        do throws(StoreError) {
            let store = try Store.open("sqlite:" + killed.path, epoch: "x", logger: Backing.quiet)
            let reader = try store.makeReader()
            let views = Self.scopes.map { try? Self.view(of: $0, reader) }
            return views == killed.views ? nil : "opened, and shows something else"
        } catch {
            let isPlain =
                error.message.contains("mizu.db") && error.message.contains("mizu sync")
                && !error.message.contains("\n")
            return isPlain ? nil : "refused: \(error.message)"
        }
    }

    /// The places in the last 4 KB of content, all or some.
    private func places(in bytes: [UInt8], seed: UInt64) -> [Int] {
        let end = (bytes.lastIndex { $0 != 0 } ?? -1) + 1
        let all = Array(max(0, end - 4_096)..<end)
        let wanted = getenv("MIZU_STORE_FAULTS").map { String(cString: $0) }
        if wanted == "all" { return all }
        var random = SeededGenerator(seed: seed)
        let count = wanted.flatMap(Int.init) ?? Self.sampleMax
        return Array(all.shuffled(using: &random).prefix(max(1, count))).sorted()
    }

    @Test(
        "everything acknowledged is there, or one line says what is damaged",
        arguments: files, Damage.allCases)
    func damage(suffix: String, damage: Damage) throws {
        // Nothing of the last commits is folded, and then nearly all is.
        for (seed, folds) in [(1, 23), (2, 39)] as [(UInt64, Int)] {
            let killed = try Killed(foldsAfter: folds, pushes: 40)
            // Without a journal in front of it nothing knows what a WAL has lost.
            guard let whole = killed.files[suffix], killed.files["-commits0"] != nil else {
                continue
            }
            try killed.write(nil)
            #expect(wrong(killed) == nil)
            for place in places(in: whole, seed: seed) {
                var bytes = whole
                switch damage {
                case .cut: bytes.removeSubrange(place...)
                case .flip: bytes[place] ^= 1 << (place % 8)
                }
                try killed.write((suffix, bytes))
                if let wrong = wrong(killed) {
                    Issue.record("\(suffix) \(damage.rawValue) at \(place): \(wrong)")
                }
            }
        }
    }

    @Test("a file that is missing is never taken for an empty one", arguments: files)
    func missing(suffix: String) throws {
        let killed = try Killed(foldsAfter: 23, pushes: 40)
        guard killed.files[suffix] != nil, killed.files["-commits0"] != nil else { return }
        try killed.write(nil)
        unlink(killed.path + suffix)
        #expect(wrong(killed) == nil)
    }
}
