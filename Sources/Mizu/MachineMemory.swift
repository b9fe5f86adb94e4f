// How much memory there is for this process: the machine's, or what its control group leaves of it
// (cgroups(7): `memory.max` of version 2 in its own folder and in those above, or
// `memory.limit_in_bytes` of version 1), whichever is smallest. Looked at once, at start. Files
// that are not there or say nothing are passed over: then it is the machine's.

import CLinux
import Glibc

struct MachineMemory: Equatable {
    /// Nil if neither the machine nor a control group says.
    let bytes: Int?

    static func ofThisProcess() -> MachineMemory {
        MachineMemory(machine: Int(clamping: cl_machine_memory()), reading: text)
    }

    /// - Parameter read: the text of a small file, nil if there is none.
    init(machine: Int, reading read: (String) -> String?) {
        var bounds: [Int] = machine > 0 ? [machine] : []
        for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
            // hierarchy-ID:controller-list:path
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let controllers = parts[1].split(separator: ",")
            if parts[0] == "0", controllers.isEmpty {
                bounds += Self.bounds(
                    below: "/sys/fs/cgroup", of: parts[2], in: "memory.max", reading: read)
            } else if controllers.contains("memory") {
                bounds += Self.bounds(
                    below: "/sys/fs/cgroup/memory", of: parts[2], in: "memory.limit_in_bytes",
                    reading: read)
            }
        }
        bytes = bounds.min()
    }

    /// The first 4 KiB of a file.
    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var room = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &room, room.count)
        return count < 0 ? nil : String(decoding: room[..<count], as: UTF8.self)
    }

    /// What the folder and those above it say. In a container the path may be that of the host,
    /// and its own folder the root.
    private static func bounds(
        below root: String, of path: Substring, in file: String, reading read: (String) -> String?
    ) -> [Int] {
        var names = path.split(separator: "/")
        if names.contains("..") { names = [] }
        var found: [Int] = []
        while true {
            found += bound([root[...]] + names, in: file, reading: read)
            guard names.popLast() != nil else { return found }
        }
    }

    private static func bound(
        _ names: [Substring], in file: String, reading read: (String) -> String?
    ) -> [Int] {
        let folder = names.joined(separator: "/")
        guard let text = read(folder + "/" + file) else { return [] }
        // "max", and version 1's largest number, are no bound.
        guard let bytes = Int(text.prefix { $0 != "\n" }), bytes > 0, bytes < 1 << 60 else {
            return []
        }
        return [bytes]
    }
}
