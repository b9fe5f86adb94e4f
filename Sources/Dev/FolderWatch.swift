// A tree of folders as something to poll (inotify(7)): which files in it were written, appeared or
// went. New folders are followed as they come, with what was put into them before we looked.
// Does not say what a change means: that is `PathRules`.

import CLinux
import Glibc
import MizuEventLoop

/// Watches the folders below one. One thread; reads never wait.
public final class FolderWatch {
    /// Folders watched at most; beyond it deeper ones are left out.
    public static let foldersMax = 8192
    private static let depthMax = 32

    private let root: String
    private let follows: (String) -> Bool
    private let descriptor: Descriptor
    /// Folders by their number, relative to the root; the root is "".
    private var folders: [Int32: String] = [:]
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)

    /// - Parameter follows: whether a folder, relative to `root`, is to be looked into.
    /// - Throws: where the kernel has no watches left (`fs.inotify.max_user_watches`).
    public init(root: String, follows: @escaping (String) -> Bool) throws(SystemError) {
        self.root = root
        self.follows = follows
        descriptor = Descriptor(
            owning: try SystemError.check("inotify_init1", cl_watch_create()))
        try SystemError.check("inotify_add_watch", add(""))
        var files: [String] = []
        addFolders(below: "", into: &files, depth: 0)
    }

    public var pollable: Int32 { descriptor.raw }

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
            for event in events { take(event.folder, event.mask, event.name, into: &paths) }
        }
    }

    private func take(_ folder: Int32, _ mask: UInt32, _ name: String?, into paths: inout [String])
    {
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
        if mask & UInt32(CL_WATCH_APPEARED) != 0, follows(path), add(path) >= 0 {
            addFolders(below: path, into: &paths, depth: 0)
        }
    }

    private func add(_ path: String) -> Int32 {
        guard folders.count < Self.foldersMax else { return -ENOSPC }
        let number = cl_watch_folder(descriptor.raw, path.isEmpty ? root : root + "/" + path)
        if number >= 0 { folders[number] = path }
        return number
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
            case 1 where follows(path) && add(path) >= 0:
                addFolders(below: path, into: &files, depth: depth + 1)
            case 2: files.append(path)
            default: continue
            }
        }
    }
}
