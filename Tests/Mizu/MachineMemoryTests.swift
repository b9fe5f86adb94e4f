// How much memory a process may count on: the machine's, or the tightest bound of a control group
// (cgroups(7)), from files as kernels write them.

import MizuServer
import Testing

@testable import Mizu

@Suite("The memory that there is")
struct MachineMemoryTests {
    struct Row: Sendable {
        let name: String
        let files: [String: String]
        let bytes: Int?
        var machine = 8 << 30
    }

    static let rows: [Row] = [
        Row(name: "no control groups", files: [:], bytes: 8 << 30),
        Row(name: "nobody says", files: [:], bytes: nil, machine: -38),
        Row(
            name: "version 2, a unit below a slice that allows more",
            files: [
                "/proc/self/cgroup": "0::/system.slice/mizu.service\n",
                "/sys/fs/cgroup/system.slice/mizu.service/memory.max": "536870912\n",
                "/sys/fs/cgroup/system.slice/memory.max": "max\n",
            ], bytes: 512 << 20),
        Row(
            name: "the folder above is tighter",
            files: [
                "/proc/self/cgroup": "0::/a/b\n",
                "/sys/fs/cgroup/a/b/memory.max": "max\n",
                "/sys/fs/cgroup/a/memory.max": "268435456\n",
            ], bytes: 256 << 20),
        Row(
            name: "a container's own root",
            files: [
                "/proc/self/cgroup": "0::/../../docker/4f\n",
                "/sys/fs/cgroup/memory.max": "1073741824\n",
            ], bytes: 1 << 30),
        Row(
            name: "version 1 beside an empty version 2",
            files: [
                "/proc/self/cgroup": "5:memory:/x\n1:name=systemd:/x\n0::/x\n",
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "134217728\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            ], bytes: 128 << 20),
        Row(
            name: "more than the machine has, and nonsense",
            files: [
                "/proc/self/cgroup": "0::/x\nnonsense\n::\n",
                "/sys/fs/cgroup/x/memory.max": "99999999999999\n",
                "/sys/fs/cgroup/memory.max": "-1\n",
            ], bytes: 8 << 30),
    ]

    @Test("the tightest bound counts", arguments: rows)
    func bounds(row: Row) {
        let memory = MachineMemory(machine: row.machine) { row.files[$0] }
        #expect(memory.bytes == row.bytes)
    }

    @Test("MEMORY_LIMIT and IDLE_TIMEOUT, as they are written and what follows")
    func settings() throws {
        func limits(_ environment: [String: String]) throws -> ServerLimits {
            let configuration = try Configuration.from(environment: environment)
            var limits = configuration.limits
            let machine = MachineMemory(machine: 1 << 30) { _ in nil }
            configuration.memory.apply(to: &limits, machine: machine)
            return limits
        }
        #expect(try limits([:]).memory.bytesMax == 256 << 20)
        #expect(try limits([:]).queuedBytesMax == 128 << 20)
        #expect(try limits([:]).idleMilliseconds == 75_000)
        for (text, bytes) in [
            ("64", 64 << 20), ("64M", 64 << 20), ("9000K", 9_000 << 10), ("2g", 2 << 30),
        ] {
            #expect(try limits(["MEMORY_LIMIT": text]).memory.bytesMax == bytes)
        }
        #expect(try limits(["MEMORY_LIMIT": "64"]).queuedBytesMax == 32 << 20)
        let off = try limits(["MEMORY_LIMIT": "off", "IDLE_TIMEOUT": "1.5"])
        #expect(off.memory.bytesMax == nil && off.queuedBytesMax == 128 << 20)
        #expect(off.idleMilliseconds == 1_500)
        for text in ["7", "1K", "-64", "+64", "64X", "M", "1e3", "9999999999999999999", "64 M"] {
            #expect(throws: ConfigurationError.self) { try limits(["MEMORY_LIMIT": text]) }
        }
        #expect(throws: ConfigurationError.self) { try limits(["IDLE_TIMEOUT": "0"]) }
    }
}
