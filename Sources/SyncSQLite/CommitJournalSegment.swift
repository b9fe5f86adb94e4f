// One file of the commit journal: made with zeros in every byte, so that a commit changes nothing
// but data; opened only if it is a plain file of one name; written at places that its owner names.
// Owns the descriptor. Knows nothing of order: that is CommitJournal's.

import CLinux
import CSQLite
import Glibc
import MizuBytes
import MizuSync

/// A file of the journal, open.
final class JournalSegment {
    let path: String
    let byteCount: Int
    let header: JournalHeader
    let descriptor: Int32
    private let identity: csqlite_identity

    static let suffixes = ["-commits0", "-commits1"]
    /// Under this name a file is written before it takes the place of another.
    static let newSuffix = ".new"

    private init(path: String, descriptor: Int32, header: JournalHeader) {
        self.path = path
        self.descriptor = descriptor
        self.header = header
        byteCount = Int(clamping: header.fileByteCount)
        var identity = csqlite_identity()
        _ = csqlite_identify_descriptor(descriptor, &identity)
        self.identity = identity
    }

    deinit { csqlite_close_segment(descriptor) }

    // MARK: Making

    /// Writes a new file of `header.fileByteCount` zeros with the header in front, durable except
    /// for its name. Any thread.
    static func write(_ header: JournalHeader, to path: String) throws(StoreError) {
        try check(csqlite_remove(path), "remove", path)
        let descriptor = csqlite_create_segment(path)
        try check(descriptor, "make", path)
        defer { csqlite_close_segment(descriptor) }
        var result = csqlite_write_zeros(descriptor, 0, header.fileByteCount)
        if result == 0 {
            var bytes = header.bytes
            result = bytes.withUnsafeMutableBytes { bytes in
                var slice = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return csqlite_write_at(descriptor, &slice, 1, 0)
            }
        }
        if result == 0 { result = csqlite_sync_all(descriptor) }
        if result < 0 {
            _ = csqlite_remove(path)
            try check(result, "write", path)
        }
    }

    /// Gives the file `path + newSuffix` its name, durably.
    static func putInPlace(_ path: String) throws(StoreError) {
        try check(csqlite_rename(path + newSuffix, path), "rename", path + newSuffix)
        try check(csqlite_sync_folder(path), "sync the folder of", path)
    }

    // MARK: Opening

    /// Opens a file of `write`; nil where there is none of that name.
    /// - Throws: one line for people: it is no plain file, no journal, or shorter than it was.
    static func open(_ path: String) throws(StoreError) -> JournalSegment? {
        var size: UInt64 = 0
        let descriptor = csqlite_open_segment(path, &size)
        if descriptor == -ENOENT { return nil }
        if [-ELOOP, -EMLINK, -EINVAL].contains(descriptor) {
            throw StoreError(
                .unavailable,
                "\(path) is a link, has a second name or is no plain file: put the file itself "
                    + "there")
        }
        try check(descriptor, "open", path)
        var bytes = [UInt8](repeating: 0, count: JournalHeader.byteCount)
        let result = bytes.withUnsafeMutableBytes {
            csqlite_read_at(descriptor, $0.baseAddress, $0.count, 0)
        }
        let header = bytes.withUnsafeBytes { JournalHeader($0) }
        guard result == 0, let header, header.fileByteCount <= size else {
            csqlite_close_segment(descriptor)
            if result < 0, result != -ENODATA { try check(result, "read", path) }
            throw damage(path, at: header == nil ? 0 : Int(clamping: size))
        }
        return JournalSegment(path: path, descriptor: descriptor, header: header)
    }

    /// The refusal to go on with a file that is not as it was written.
    static func damage(_ path: String, at offset: Int, commit: UInt64? = nil) -> StoreError {
        let what = commit.map { "commit \($0) was acknowledged and cannot be read" }
        return StoreError(
            .unavailable,
            "\(path) is damaged from byte \(offset) on: \(what ?? "it is not as it was written"). "
                + "Put a backup in place of the database with: mizu sync restore")
    }

    // MARK: Reading and writing

    /// The whole file. O(n), and n bytes of memory until the last slice of it is gone.
    func read() throws(StoreError) -> SharedBytes {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4_096)
        let result = csqlite_read_at(descriptor, memory, byteCount, 0)
        let bytes = SharedBytes(adopting: memory, count: byteCount)
        if result == -ENODATA { throw Self.damage(path, at: 0) }
        try Self.check(result, "read", path)
        return bytes
    }

    /// - Returns: 0 or -errno; then any part of it may be written.
    func write(_ slices: [iovec], at offset: Int) -> Int32 {
        slices.withUnsafeBufferPointer {
            csqlite_write_at(descriptor, $0.baseAddress, Int32(clamping: $0.count), UInt64(offset))
        }
    }

    /// Waits for the disk.
    /// - Returns: 0 or -errno; then nothing that was written since the last 0 may be believed.
    func sync() -> Int32 { csqlite_sync_data(descriptor) }

    /// Whether the file still has its name.
    var isInPlace: Bool {
        var found = csqlite_identity()
        return csqlite_identify(path, &found) == 0 && found.device == identity.device
            && found.inode == identity.inode
    }

    static func check(_ result: Int32, _ verb: String, _ path: String) throws(StoreError) {
        guard result < 0 else { return }
        throw StoreError(
            .unavailable, "cannot \(verb) \(path): \(String(cString: cl_error_text(-result)))",
            cause: [-ENOSPC, -EDQUOT].contains(result) ? .noSpace : .other)
    }
}
