// What /proc says of the server's process and of the kernel's part of its connections (proc(5)):
// processor time, memory, sockets. Reads text, changes nothing. Children of the process are not
// counted.

import CLinux

/// A process on this machine.
public struct ServerProcess: Sendable {
    public let pid: Int

    /// Memory in bytes.
    public struct Memory: Sendable {
        public var resident = 0
        public var anonymous = 0
    }

    /// What the kernel holds for all processes together, in bytes.
    public struct KernelMemory: Sendable {
        public var slab = 0
        public var sockets = 0
    }

    /// - Throws: if there is no such process, or it is not ours to look at.
    public init(_ pid: Int) throws(BenchFailure) {
        self.pid = pid
        guard memory != nil else {
            throw .cannot(
                "/proc/\(pid)/smaps_rollup cannot be read: no such process, or another user's"
            )
        }
    }

    /// From smaps_rollup; nil if the process has gone.
    public var memory: Memory? {
        guard let text = Self.read("/proc/\(pid)/smaps_rollup"),
            let resident = Self.kilobytes("Rss:", in: text),
            let anonymous = Self.kilobytes("Anonymous:", in: text)
        else { return nil }
        return Memory(resident: resident * 1024, anonymous: anonymous * 1024)
    }

    /// User and system time of all threads so far, in nanoseconds; nil if the process has gone.
    public var cpuNanoseconds: UInt64? {
        guard let text = Self.read("/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else {
            return nil
        }
        // Behind the name: state is field 3, utime and stime are 14 and 15.
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 12, let user = UInt64(fields[11]), let system = UInt64(fields[12])
        else { return nil }
        return (user + system) * 1_000_000_000 / UInt64(cl_clock_ticks())
    }

    /// Slab of /proc/meminfo and TCP pages of /proc/net/sockstat: this whole machine.
    public static var kernelMemory: KernelMemory? {
        guard let memory = read("/proc/meminfo"), let slab = kilobytes("Slab:", in: memory),
            let sockets = read("/proc/net/sockstat")
        else { return nil }
        var pages = 0
        for line in sockets.split(separator: "\n") where line.hasPrefix("TCP:") {
            let words = line.split(separator: " ")
            if let place = words.firstIndex(of: "mem"), place + 1 < words.count {
                pages = Int(words[place + 1]) ?? 0
            }
        }
        return KernelMemory(slab: slab * 1024, sockets: pages * 4096)
    }

    /// The number after `name` at the start of a line.
    static func kilobytes(_ name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
        }
        return nil
    }

    static func read(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = cl_read_file(path, &bytes, bytes.count)
        return count >= 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}
