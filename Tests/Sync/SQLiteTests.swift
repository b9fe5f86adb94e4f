// What is SQLite's own: opening, refusing, locking, going on after an accident, readers beside the
// writer.

import Foundation
import Glibc
import MizuBytes
import MizuEventLoop
import MizuSync
import MizuSyncSQLite
import Synchronization
import Testing

@Suite("The SQLite store")
struct SQLiteTests {
    private func open(_ path: String) throws -> any SyncStore {
        try Store.open("sqlite:" + path, epoch: "e", logger: Backing.quiet)
    }

    private func message(_ path: String) -> String {
        do {
            _ = try open(path)
            return "opened"
        } catch {
            return (error as? StoreError)?.message ?? "\(error)"
        }
    }

    @Test("missing directories are made")
    func parents() throws {
        let directory = try TemporaryDirectory()
        _ = try open(directory.path + "/a/b/c.db")
        #expect(access(directory.path + "/a/b/c.db", R_OK) == 0)
    }

    @Test("a database is held by one opener at a time, and free when that one is gone")
    func exclusive() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.db"
        do {
            let first = try open(path)
            #expect(message(path).contains("held by another process (pid \(getpid()))"))
            _ = first.epoch
        }
        #expect(message(path) == "opened")
    }

    @Test("a lock file left behind by a killed process holds nothing")
    func leftBehind() throws {
        let directory = try TemporaryDirectory()
        try Backing.write(Array("12345\n".utf8), to: directory.path + "/x.db-lock")
        #expect(message(directory.path + "/x.db") == "opened")
    }

    @Test("what is no database, another program's or a newer version's is refused in words")
    func foreignFiles() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.db"
        try Backing.write(Array(repeating: 0x61, count: 5000), to: path)
        #expect(message(path).contains("not a database"))
        #expect(
            message(directory.path).contains("directory") || message(directory.path) != "opened")

        let store = try open(directory.path + "/y.db")
        _ = store.epoch
        for (offset, text) in [(63, "newer version"), (71, "another program")] {
            // Byte 60 to 63 is user_version, 68 to 71 application_id (SQLite's file format, 1.3).
            let copy = directory.path + "/y\(offset).db"
            do { _ = try open(copy) }
            var bytes = try #require(Backing.read(copy))
            bytes[offset] = 0x63
            try Backing.write(bytes, to: copy)
            #expect(message(copy).contains(text), "\(message(copy))")
        }
    }

    @Test(
        "a URL that names no store or no file is refused",
        arguments: [
            "postgres://x", "sqlite:", "sqlite::memory:", "sqlite:/tmp/", "x.db", "memory",
        ])
    func badURLs(_ url: String) {
        #expect(throws: StoreError.self) {
            _ = try Store.open(url, epoch: "e", logger: Backing.quiet)
        }
    }

    @Test("a path through a file is refused with the name of what stands in the way")
    func blockedPath() throws {
        let directory = try TemporaryDirectory()
        try Backing.write([], to: directory.path + "/file")
        let said = message(directory.path + "/file/x.db")
        #expect(said.contains("cannot make the directory \(directory.path)/file"), "\(said)")
    }

    @Test("closing gives the lock back, although a child that is being started has a copy of it")
    func copiedLock() throws {
        let harness = try Harness(.sqlite)
        let lock = harness.backing.file + "-lock"
        // What a fork does to every descriptor, until the child's exec.
        // Other tests run beside this one, so its number may be any.
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let copies = open.compactMap { Int32($0) }.filter { Backing.target(of: $0) == lock }
            .map { dup($0) }
        defer { for copy in copies { close(copy) } }
        #expect(copies.count == 1)
        try harness.restart()
    }

    @Test(
        "a directory that cannot be written is refused with its name", .enabled(if: geteuid() != 0))
    func unwritable() throws {
        let directory = try TemporaryDirectory()
        chmod(directory.path, 0o555)
        #expect(message(directory.path + "/x.db").contains(directory.path))
    }

    @Test(
        """
        when files may not grow, commits go on as long as the journal has room; then they are \
        unavailable, reads of what is folded go on, and all of it goes on by itself
        """
    )
    func diskFull() async {
        // In a process of its own, because the limit is a whole process's.
        await #expect(processExitsWith: .success) {
            let harness = try Harness(.sqlite)
            _ = try harness.mutate("m1", "note.put", #"{"id":"n"}"#)
            guard try harness.pull(0, "x").cursors == [1] else { exit(2) }
            let fileSize = __rlimit_resource_t(1)
            var old = rlimit()
            getrlimit(fileSize, &old)
            signal(SIGXFSZ, SIG_IGN)
            // No file may grow beyond what the WAL has now; the journal is larger than that.
            let size = try #require(Backing.read(harness.backing.file + "-wal")).count
            var full = rlimit(rlim_cur: rlim_t(size), rlim_max: old.rlim_max)
            setrlimit(fileSize, &full)
            let large = String(repeating: "x", count: 100_000)
            var taken = 1
            while taken < 1_000 {
                let args = "{\"id\":\"n\",\"text\":\"\(large)\"}"
                do {
                    _ = try harness.mutate("l\(taken)", "note.put", args, scope: "large")
                    taken += 1
                } catch let refusal as Refusal {
                    guard refusal.code == "unavailable" else { exit(3) }
                    break
                }
            }
            guard harness.lastResult?.accident?.kind == .unavailable else { exit(4) }
            guard try harness.pull(0, "x").cursors == [1] else { exit(5) }
            setrlimit(fileSize, &old)
            guard try harness.mutate("m2", "note.put", #"{"id":"o"}"#).int("cursor") == 2 else {
                exit(6)
            }
            let all = try harness.pull(0, "x", limit: 1_000, scope: "large").cursors
            guard all == Array(1..<taken) else { exit(7) }
        }
    }

    @Test("readers on threads of their own see whole commits only", arguments: StoreKind.allCases)
    func concurrentReaders(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let store = try #require(harness.store)
        let watch = ReaderWatch()
        var threads: [pthread_t] = []
        for _ in 0..<2 {
            let reader = try store.makeReader()
            threads.append(startThread { watch.run(reader) })
        }
        for index in 0..<60 {
            _ = try harness.mutate("m\(index)", "odd.thrice")
            try harness.foldIfDemanded()
        }
        let deadline = Instant.now.adding(milliseconds: 60_000)
        while watch.readings.load(ordering: .relaxed) < 4, !watch.hasProblems,
            Instant.now < deadline
        {
            try harness.foldIfDemanded()
            sched_yield()
        }
        #expect(watch.readings.load(ordering: .relaxed) >= 4 || watch.hasProblems)
        watch.isDone.store(true, ordering: .releasing)
        // A reader that has begun to wait is let go.
        while watch.running.load(ordering: .acquiring) > 0 {
            try harness.foldIfDemanded()
            sched_yield()
        }
        for thread in threads { pthread_join(thread, nil) }
        #expect(watch.problems.withLock { $0 } == [])
    }
}

/// What readers see while the writer goes on: always whole mutations, never less than before.
private final class ReaderWatch: Sendable {
    let isDone = Atomic(false)
    let readings = Atomic(0)
    let running = Atomic(2)
    let problems = Mutex<[String]>([])
    var hasProblems: Bool { problems.withLock { !$0.isEmpty } }

    func run(_ reader: any SyncReader) {
        defer { running.subtract(1, ordering: .releasing) }
        var last = 0
        while !isDone.load(ordering: .acquiring), !hasProblems {
            do {
                last = try read(reader, last)
                readings.add(1, ordering: .relaxed)
            } catch let refusal as Refusal where refusal.code == "unavailable" {
                // This test's thread, which folds, was away for longer than a reader waits.
            } catch {
                problems.withLock { $0.append("\(error)") }
            }
        }
    }

    private func read(_ reader: any SyncReader, _ last: Int) throws -> Int {
        let limits = SyncLimits()
        let request = PullRequest(scope: "s", cursor: 0, epoch: nil, limit: 1000)
        let pulled = try reader.pull(request, limits: limits).get()
        let cursors = try JSON.parse(ByteSlice(pulled.text)).cursors
        if cursors != Array(1..<cursors.count + 1) || cursors.count % 3 != 0 {
            problems.withLock { $0.append("torn: \(cursors.suffix(4))") }
        }
        if cursors.count < last { problems.withLock { $0.append("went back") } }
        let page = try reader.snapshot(
            SnapshotRequest(scope: "s", limit: 10, next: nil), limits: limits
        ).get()
        let cursor = try JSON.parse(ByteSlice(page.map(\.string).joined())).int("cursor") ?? 0
        if cursor < cursors.count { problems.withLock { $0.append("a snapshot of the past") } }
        return cursors.count
    }
}

private final class ThreadBody {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}

/// Starts a thread; what the closure holds goes with it.
private func startThread(_ body: sending @escaping () -> Void) -> pthread_t {
    let box = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        { raw in
            guard let raw else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run()
            return nil
        }, box)
    return thread
}
