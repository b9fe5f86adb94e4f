// The secret that signs links, where a server has made it for itself: for a file of SQLite it lies
// beside it (`session-secret`), and goes along when the rows are moved. One that is a setting
// (SESSION_SECRET) is nobody's to move: it has to be given to the servers of the new place.

import CLinux
import Glibc

struct MovedSecret {
    private static let bytesMax = 16_384
    let path: String

    /// - Parameter database: the path of the file.
    init(beside database: String) {
        let folder = database.lastIndex(of: "/").map { database[...$0] } ?? ""
        path = folder + "session-secret"
    }

    /// The text; nil where there is no such file.
    func read() throws(ToolFailure) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw ToolFailure(cannot: "read", path, -errno)
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.bytesMax)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw ToolFailure(cannot: "read", path, -errno) }
        var text = String(decoding: bytes.prefix(count), as: UTF8.self)[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        return text.isEmpty ? nil : String(text)
    }

    /// Writes it for its user alone, durably.
    /// - Returns: false where there is one already, which stays.
    func write(_ text: String) throws(ToolFailure) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            if errno == EEXIST { return try read() == text }
            throw ToolFailure(cannot: "make", path, -errno)
        }
        defer { close(file) }
        let bytes = Array((text + "\n").utf8)
        guard cl_write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            unlink(path)
            throw ToolFailure("\(path) cannot be written")
        }
        return true
    }
}
