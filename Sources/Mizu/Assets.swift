// The files of an app by name: `views/pages/home.html`, `static/css/app.css`. In production they
// are part of the binary and are never copied; in development the same names are read from a
// folder, again at each look, so that an edit shows at once. Any thread.

import Glibc
import MizuBytes
import MizuHTTP

/// The files of an app, by name. A value; any thread.
public struct Assets: Sendable {
    private let embedded: [String: ByteSlice]
    /// What `make assets` has packed by brotli, by the name `packed/SHA1.br`, where SHA1 is of the
    /// content: a file that has changed since has no packed form, and never a wrong one.
    private let packed: [String: ByteSlice]
    /// Where files are read from in development; nil: only what is embedded.
    private let folder: String?

    /// The files of a table in the binary, as `make assets` writes it.
    /// - Parameters:
    ///   - count: files in the table.
    ///   - entry: returns the name (a C string), the first byte and the length in bytes of the file
    ///     at an index. The memory must live as long as the process, as `.rodata` does.
    public init(
        count: Int,
        entry: (Int) -> (name: UnsafePointer<CChar>, bytes: UnsafeRawPointer, count: Int)
    ) {
        var (embedded, packed): ([String: ByteSlice], [String: ByteSlice]) = ([:], [:])
        for index in 0..<count {
            let (entry, bytes, size) = entry(index)
            let (name, file) = (
                String(cString: entry), ByteSlice(SharedBytes(static: bytes, count: size))
            )
            if name.hasPrefix(Self.packedPrefix) {
                packed[name] = file
            } else {
                embedded[name] = file
            }
        }
        self.init(embedded: embedded, packed: packed, folder: nil)
    }

    /// Files that are written in the program: small apps, and tests.
    /// - Parameter texts: what is in each file, by its name.
    public init(_ texts: [String: String]) {
        self.init(
            embedded: texts.mapValues { ByteSlice(Array($0.utf8)) }, packed: [:], folder: nil)
    }

    /// No files, for an app that makes all of its answers itself.
    public static let none = Assets(embedded: [:], packed: [:], folder: nil)

    private static let packedPrefix = "packed/"

    private init(embedded: [String: ByteSlice], packed: [String: ByteSlice], folder: String?) {
        self.embedded = embedded
        self.packed = packed
        self.folder = folder
    }

    /// Returns the same files, read from the first of `folders` that has a folder `views` in it; if
    /// none has, from the binary.
    public func reading(from folders: [String]) -> Assets {
        let found = folders.first { access($0 + "/views", R_OK | X_OK) == 0 }
        return Assets(embedded: embedded, packed: packed, folder: found)
    }

    /// Whether each look reads the disk, so that an edit shows at once.
    public var isReadFromDisk: Bool { folder != nil }

    /// Returns the names of the embedded files that begin with `prefix`, sorted and without the
    /// prefix. O(files).
    public func names(below prefix: String) -> [String] {
        embedded.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            .sorted()
    }

    /// The bytes of a file of at most 16 MiB; nil if there is none, or if the name has an empty,
    /// `.` or `..` segment. From the disk it is read again at each look.
    public subscript(name: String) -> ByteSlice? {
        guard let folder else { return embedded[name] }
        let segments = name.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return nil }
        return Self.read(folder + "/" + name)
    }

    /// What `make assets` has packed of these bytes by brotli (RFC 7932); nil where it has not.
    /// O(bytes): it is found by their hash.
    func brotli(of bytes: ByteSlice) -> ByteSlice? {
        guard !packed.isEmpty, bytes.count >= GzipEncoder.contentBytesMin else { return nil }
        let hash = Hex.encode(bytes.withUnsafeBytes { SHA1.digest($0) })
        return packed["\(Self.packedPrefix)\(String(decoding: hash, as: UTF8.self)).br"]
    }

    /// A whole regular file of at most 16 MiB.
    static func read(_ path: String) -> ByteSlice? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = ByteBuffer(capacity: 16 * 1024)
        while bytes.count <= 16 << 20 {
            bytes.reserve(16 * 1024)
            let room = bytes.writable
            let count = Glibc.read(descriptor, room.baseAddress, room.count)
            if count == 0 { return bytes.finish() }
            guard count > 0 else { return nil }
            bytes.advance(written: count)
        }
        return nil
    }
}
