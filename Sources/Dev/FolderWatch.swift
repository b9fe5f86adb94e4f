// A tree of folders as something to poll (inotify(7)): which files in it were written, appeared or
// went. New folders are followed as they come, with what was put into them before we looked.
// Does not say what a change means: that is `PathRules`. A folder for which the kernel has no
// watch left is not followed, and is named in `unwatched`: nobody shall wait for a change that is
// not seen.

import CLinux
import Glibc
import MizuEventLoop

/// Watches the folders below one. One thread; reads never wait.
public final class FolderWatch {
    /// Folders watched at most; those beyond it are in `unwatched`.
    public static let foldersMax = 8192
    /// Names that `unwatched` keeps; more are only counted.
    static let unwatchedNamesMax = 20
    private static let depthMax = 32

    private let root: String
    private let follows: (String) -> Bool
    private let descriptor: Descriptor
    /// Folders by their number, relative to the root; the root is "".
    private var folders: [Int32: String] = [:]
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    private let foldersMax: Int
    /// Folders that should be followed and are not.
    public private(set) var unwatched = Unwatched()

    /// Folders without a watch, relative to the root, since the last look.
    public struct Unwatched: Sendable {
        /// The first ones' names.
        public var names: [String] = []
        /// With what lies below those that have names.
        public var count = 0
        /// Nil if there are more folders than we follow.
        public var error: SystemError?
    }

    /// - Parameter follows: whether a folder, relative to `root`, is to be looked into.
    /// - Throws: if the kernel has no watches left (`fs.inotify.max_user_watches`).
    public init(
        root: String, foldersMax: Int = FolderWatch.foldersMax,
        follows: @escaping (String) -> Bool
    ) throws(SystemError) {
        self.root = root
        self.foldersMax = foldersMax
        self.follows = follows
        descriptor = Descriptor(
            owning: try SystemError.check("inotify_init1", cl_watch_create()))
        try SystemError.check("inotify_add_watch", add(""))
        var files: [String] = []
        addFolders(below: "", into: &files, depth: 0)
    }

    public var pollable: Int32 { descriptor.raw }

    /// What could not be followed since the last call.
    public func takeUnwatched() -> Unwatched? {
        guard unwatched.count > 0 else { return nil }
        defer { unwatched = Unwatched() }
        return unwatched
    }

    /// Paths, relative to the root, of files that changed since the last call; some twice.
    public func changes() -> [String] {
        var paths: [String] = []
        while true {
            let count = buffer.withUnsafeMutableBytes {
                cl_read_some(descriptor.raw, $0.baseAddress, $0.count)
            }
            guard count > 0 else { return paths }
            var events: [(folder: Int32, mask: UInt32, name: String?)] = []
            buffer.withUnsafeBytes { bytes in
                var start = 0
                var event = cl_watch_event()
                while start < count, let base = bytes.baseAddress {
                    let length = Int(cl_watch_next(base + start, count - start, &event))
                    guard length > 0 else { break }
                    events.append(
                        (event.folder, event.mask, event.name.map { String(cString: $0) }))
                    start += length
                }
            }
            for event in events {
                take(event.name, in: event.folder, mask: event.mask, into: &paths)
            }
        }
    }

    private func take(
        _ name: String?, in folder: Int32, mask: UInt32, into paths: inout [String]
    ) {
        if mask & UInt32(CL_WATCH_OVERFLOW) != 0 {
            // Events were lost, so anything may have changed: all files count, and new folders.
            return addFolders(below: "", into: &paths, depth: 0)
        }
        if mask & UInt32(CL_WATCH_GONE) != 0 {
            folders[folder] = nil
            return
        }
        guard let parent = folders[folder], let name else { return }
        let path = parent.isEmpty ? name : parent + "/" + name
        guard mask & UInt32(CL_WATCH_FOLDER) != 0 else { return paths.append(path) }
        if mask & UInt32(CL_WATCH_APPEARED) != 0, follows(path), isWatched(path) {
            addFolders(below: path, into: &paths, depth: 0)
        }
    }

    private func add(_ path: String) -> Int32 {
        guard folders.count < foldersMax else { return -EDQUOT }
        let number = cl_watch_folder(descriptor.raw, path.isEmpty ? root : root + "/" + path)
        if number >= 0 { folders[number] = path }
        return number
    }

    /// Whether a folder is watched now; one that could not be is noted. A folder that has gone
    /// meanwhile is neither.
    private func isWatched(_ path: String) -> Bool {
        let number = add(path)
        if number >= 0 { return true }
        guard number != -ENOENT, number != -ENOTDIR else { return false }
        unwatched.count += 1
        if unwatched.names.count < Self.unwatchedNamesMax { unwatched.names.append(path) }
        if number != -EDQUOT {
            unwatched.error = SystemError(call: "inotify_add_watch", errno: -number)
        }
        return false
    }

    /// Watches the folders in `folder` and theirs, and adds the files that lie there.
    private func addFolders(below folder: String, into files: inout [String], depth: Int) {
        guard depth < Self.depthMax,
            let stream = opendir(folder.isEmpty ? root : root + "/" + folder)
        else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            let path = folder.isEmpty ? name : folder + "/" + name
            switch cl_file_kind(root + "/" + path) {
            case 1 where follows(path) && isWatched(path):
                addFolders(below: path, into: &files, depth: depth + 1)
            case 2: files.append(path)
            default: continue
            }
        }
    }
}
