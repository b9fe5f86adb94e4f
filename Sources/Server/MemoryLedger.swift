// What peers make the process hold, as one sum: requests that are not whole yet, messages under
// way, parts of TLS records, bodies that a handler thinks about, answers that nobody takes; and,
// counted by `Workers.queued` since ever, what waits for sockets. Workers add what their
// connections hold when that changes (`Worker+Memory`); the policy at the marks is `MemoryWatch`'s.
//
// Any thread. An exchange that fits into the read buffer and whose answer the kernel takes at once
// holds nothing and never comes here. Each address has a share, in steps of 16 KiB for each
// connection, so that small ones, which the number of connections bounds, take no lock.
// It does not count what the process needs for itself, nor assets, which are everybody's.

import CLinux
import MizuBytes
import MizuDoor
import MizuEventLoop
import Synchronization

/// How much peers may make the process hold, and what follows from that number.
public struct MemoryLimits: Sendable, Equatable {
    /// Bytes; nil: there is no limit, nothing is ever refused for it.
    public var bytesMax: Int?
    /// An address's share is an eighth of `bytesMax`, but this much at least, and never over half.
    public var addressBytesMin = 8 << 20
    /// Beyond the soft mark a body, message or answer larger than this is not begun, and one that
    /// has come so far is not read on.
    public var smallBytesMax = 64 * 1024
    /// How long bodies stand still beyond the soft mark before the largest are refused.
    public var patienceMilliseconds: UInt64 = 2_000
    /// How often a worker looks while it is beyond a mark.
    public var lookMilliseconds: UInt64 = 100
    /// Connections that one look ends at most; a tick looks once.
    public var lookEndsMax = 16

    public init(bytesMax: Int? = nil) { self.bytesMax = bytesMax }

    /// Beyond it no body grows.
    var softBytes: Int { (bytesMax ?? .max) / 4 * 3 }
    /// Below it all goes on.
    var resumeBytes: Int { (bytesMax ?? .max) / 8 * 5 }
    /// What one address may hold, where it has more than one connection that holds something.
    public var addressBytesMax: Int {
        guard let bytesMax else { return .max }
        return min(max(bytesMax / 8, addressBytesMin), bytesMax / 2)
    }
    /// The share of sockets' queues, whose own limit is `ServerLimits.queuedBytesMax`.
    public var queuedBytesMax: Int { (bytesMax ?? .max) / 2 }
}

/// The sum of the process.
public final class MemoryLedger: Sendable {
    public let limits: MemoryLimits
    private let queued: ByteLedger
    private let held = Atomic<Int>(0)
    private let holders = Atomic<Int>(0)
    private let peak = Atomic<Int>(0)
    private let isTrimming = Atomic<Bool>(false)
    private let shards: [Shard]

    private static let shardCount = 16

    private final class Shard: Sendable {
        let bytes = Mutex<[AddressKey: Int]>([:])
    }

    init(_ limits: MemoryLimits, queued: ByteLedger) {
        self.limits = limits
        self.queued = queued
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    /// All that is held now.
    public var bytes: Int { held.load(ordering: .relaxed) + queued.bytes }

    /// Beyond the soft mark.
    var isHigh: Bool { limits.bytesMax != nil && bytes > limits.softBytes }

    /// What a connection holds on average, of those that hold something: whoever holds less is
    /// never among the largest, wherever those are.
    var meanBytes: Int {
        held.load(ordering: .relaxed) / max(1, holders.load(ordering: .relaxed))
    }

    /// - Parameter holders: connections more, or fewer, that hold something.
    func add(_ bytes: Int, holders count: Int) {
        if count != 0 { holders.add(count, ordering: .relaxed) }
        let sum = held.add(bytes, ordering: .relaxed).newValue
        if bytes > 0 {
            peak.max(sum, ordering: .relaxed)
        } else {
            giveBack(behindPeakOf: peak.load(ordering: .relaxed), sum)
        }
    }

    // MARK: Addresses

    /// - Returns: what the address holds now.
    func add(_ bytes: Int, of key: AddressKey) -> Int {
        shard(of: key).bytes.withLock { table in
            let sum = table[key, default: 0] + bytes
            table[key] = sum > 0 ? sum : nil
            return sum
        }
    }

    func bytes(of key: AddressKey) -> Int {
        shard(of: key).bytes.withLock { $0[key] ?? 0 }
    }

    /// Addresses that hold something; for tests.
    var addressCount: Int { shards.reduce(0) { $0 + $1.bytes.withLock { $0.count } } }

    private func shard(of key: AddressKey) -> Shard {
        shards[Int(truncatingIfNeeded: key.hash >> 60)]
    }

    // MARK: After a peak

    /// A peak below this leaves nothing worth giving back.
    private static let peakBytesMin = 16 << 20
    private static let trimMilliseconds = 2_000

    /// The allocator keeps what was freed for its thread, hundreds of megabytes after a storm. When
    /// the sum has fallen far below its peak, a thread of its own, because this takes a while and
    /// locks, gives the pages back to the kernel: once for each peak and some seconds later, so
    /// that whatever goes on at that moment is over.
    private func giveBack(behindPeakOf peak: Int, _ sum: Int) {
        guard peak >= Self.peakBytesMin, sum < peak / 4,
            !isTrimming.exchange(true, ordering: .acquiringAndReleasing)
        else { return }
        self.peak.store(sum, ordering: .relaxed)
        do throws(SystemError) {
            try startThread("mizu-trim") { [self] in
                if var poller = try? Poller() {
                    try? poller.wait(milliseconds: Self.trimMilliseconds)
                }
                cl_trim_memory()
                isTrimming.store(false, ordering: .releasing)
            }
        } catch {
            isTrimming.store(false, ordering: .releasing)
        }
    }
}
