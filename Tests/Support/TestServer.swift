// A server that a test needs beside it, as a child of the test's process: it runs as an unprivileged
// user, in a folder of its own below /tmp, and ends with the process however that ends, because a
// shell in front of it waits for the end of a pipe. Knows no protocol.

import Glibc

/// A program in a folder that goes with it. Any thread.
public final class TestServer: Sendable {
    public let folder: String
    /// Our end of the pipe whose end is the server's end.
    private let lifeline: Int32
    private let child: pid_t

    /// A folder below /tmp that the unprivileged user owns.
    public static func makeFolder() -> String? {
        var template = Array("/tmp/mizu-server-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return nil }
        let path = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if geteuid() == 0 {
            guard let user = getpwnam("postgres") ?? getpwnam("nobody"),
                chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0
            else { return nil }
        }
        return path
    }

    /// Words in front of a command that have it run unprivileged; none where we are that already.
    public static var unprivileged: String {
        guard geteuid() == 0 else { return "" }
        let user = getpwnam("postgres") != nil ? "postgres" : "nobody"
        return "setpriv --reuid=\(user) --regid=$(id -g \(user)) --clear-groups "
    }

    /// Runs a shell command to its end.
    public static func run(_ command: String) -> Bool { system(command) == 0 }

    /// Starts `command` (for a shell, without quotes of its own kind) in the folder.
    public init?(folder: String, command: String) {
        self.folder = folder
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        lifeline = ends[1]
        // `read` ends with the pipe; the server is ended by its id.
        let script = """
            cd \(folder) || exit 1
            \(Self.unprivileged)\(command) >log 2>&1 </dev/null &
            server=$!
            read -r word
            kill -QUIT $server 2>/dev/null; kill -TERM $server 2>/dev/null
            wait $server 2>/dev/null
            rm -rf \(folder)
            """
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        // Whoever reads the test's output waits for all who could write to it.
        for descriptor: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Not in reach of what is typed at a terminal; and a shell that cannot hear of the end of
        // its child, because the test's thread does not, would wait for ever.
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = [
            strdup("sh"), strdup("-c"), strdup(script), nil,
        ]
        defer { for argument in arguments { free(argument) } }
        var started: pid_t = 0
        let code = posix_spawn(&started, "/bin/sh", &actions, &attributes, &arguments, environ)
        Glibc.close(ends[0])
        child = started
        if code != 0 { return nil }
    }

    /// Waits until the folder's file has the text, for a minute at most.
    public func waits(for text: String, in file: String) -> Bool {
        for _ in 0..<3_000 {
            if let content = Self.read(folder + "/" + file), content.contains(text) { return true }
            usleep(20_000)
        }
        return false
    }

    public static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

/// One PostgreSQL for the process, started with the first test that asks for it.
public enum PostgresCluster {
    /// The parameters of a URL that lead to it: `postgres://USER@/NAME?` and these. Nil where
    /// PostgreSQL is not installed: tests of it are skipped, and it is said once.
    public static let shared: (folder: String, user: String)? = start()
    /// Ends with the process.
    nonisolated(unsafe) private static var server: TestServer?

    /// The URL of a database of the cluster.
    public static func url(_ database: String, _ parameters: String = "") -> String {
        guard let shared else { return "" }
        return "postgres://\(shared.user)@/\(database)?host=\(shared.folder)&port=5432"
            + (parameters.isEmpty ? "" : "&" + parameters)
    }

    private static func start() -> (folder: String, user: String)? {
        guard let bin = binaries() else {
            print("PostgreSQL is not installed: tests on it are skipped")
            return nil
        }
        guard let folder = TestServer.makeFolder() else { return nil }
        let made = TestServer.run(
            "cd \(folder) && \(TestServer.unprivileged)\(bin)/initdb -A trust --no-sync "
                + "-U postgres -E UTF8 --no-locale -D \(folder)/data >\(folder)/initdb.log 2>&1")
        let options = [
            "listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off",
            "autovacuum=off", "max_connections=300", "shared_buffers=32MB",
            "deadlock_timeout=100ms", "unix_socket_directories=\(folder)", "port=5432",
        ]
        let command =
            "\(bin)/postgres -D \(folder)/data"
            + options.map { " -c \($0)" }.joined()
        guard made, let started = TestServer(folder: folder, command: command),
            started.waits(for: "ready", in: "data/postmaster.pid")
        else {
            print("PostgreSQL does not start: tests on it are skipped (\(folder)/log)")
            return nil
        }
        server = started
        return (folder, "postgres")
    }

    /// The folder of the newest installation that has a server.
    public static func binaries() -> String? {
        for version in stride(from: 19, through: 14, by: -1) {
            let folder = "/usr/lib/postgresql/\(version)/bin"
            if access(folder + "/initdb", X_OK) == 0, access(folder + "/postgres", X_OK) == 0 {
                return folder
            }
        }
        return nil
    }
}
