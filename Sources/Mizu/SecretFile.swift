// The secret that the server makes for itself if SESSION_SECRET is not set: a file beside the
// database that only its user may read. Whoever copies the database alone cannot forge a link; a
// backup of the whole folder holds it. Main thread, at the start.

import CLinux
import Glibc
import MizuIdentity

/// `session-secret` in the database's folder.
struct SecretFile {
    let path: String

    /// - Parameter database: `sqlite:PATH`.
    init(beside database: String) {
        let database = database.dropFirst("sqlite:".count)
        let folder = database.lastIndex(of: "/").map { database[...$0] } ?? ""
        path = folder + "session-secret"
    }

    /// Reads the keys, one a line or separated by commas; makes a file with one if there is none.
    func keys() throws(StartError) -> SecretKeys {
        for _ in 0..<2 {
            if let text = try read() {
                guard let keys = SecretKeys(text) else {
                    throw StartError(
                        "\(path): expected keys of at least \(SecretKeys.textCountMin) characters")
                }
                return keys
            }
            try make()
        }
        throw StartError("\(path) cannot be made")
    }

    private func read() throws(StartError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw StartError("\(path) cannot be read: \(Self.reason)")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw StartError("\(path) is no file")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw StartError("\(path) can be read by others: chmod 600 it")
        }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = Glibc.read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Writes a file of another name first, so that nobody ever reads half of one. If somebody is
    /// faster, theirs counts.
    private func make() throws(StartError) {
        var failed = 0
        // A folder that cannot be made shows when the file is written.
        _ = cl_make_parents(path, &failed)
        let temporary = "\(path).\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StartError("\(path) cannot be made: \(Self.reason)") }
        let text = Array((SecretKeys.freshText() + "\n").utf8)
        let written = cl_write(file, text, text.count)
        let isDurable = fsync(file) == 0
        close(file)
        guard written == text.count, isDurable else {
            unlink(temporary)
            throw StartError("\(path) cannot be written")
        }
        let renamed = cl_rename_new(temporary, path)
        if renamed < 0 { unlink(temporary) }
        guard renamed >= 0 || renamed == -EEXIST else {
            throw StartError(
                "\(path) cannot be made: \(String(cString: cl_error_text(-renamed)))")
        }
    }

    private static var reason: String { String(cString: cl_error_text(errno)) }
}
