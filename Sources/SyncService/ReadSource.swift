// Where reads come from, as their queue is fair to: an IPv4 address, or the first 48 bits of an
// IPv6 address, which is what one site gets (RFC 6177). Eight bytes, because each socket keeps one.

import MizuDoor
import MizuHTTP
import MizuServer
import MizuSync

/// The limits of reads. Times in milliseconds.
public struct ReadLimits: Sendable {
    /// Threads that read.
    public var threads = 2
    /// Reads that wait, in all; beyond it 503.
    public var waitingMax = 20_000
    /// Reads of one source that wait or are under way for HTTP requests; beyond it 429. Nil: any
    /// number.
    public var sourceMax: Int? = 100
    /// How many times as many a source's sockets may have: each of a thousand tabs behind one
    /// address asks once when the server has come back.
    public var socketFactor = 10
    /// How long a read may wait for its turn; then 503.
    public var waitMilliseconds: UInt64 = 10_000
    /// How long a read of an app's handler may run; then its snapshot throws, and it is 503.
    public var runMilliseconds: UInt64 = 10_000
    /// Bytes of pages that are kept for others who ask for the same (`SharedPages`).
    public var pagesBytesMax = 8 << 20
    /// Whose number of reads is not bounded.
    public var exempt = AddressRanges.loopback

    public init() {}
}

/// One source of reads.
public struct ReadSource: Hashable, Sendable {
    /// The lowest bit says that the source is exempt; the others are a hash of its own.
    private let bits: UInt64

    var isExempt: Bool { bits & 1 == 1 }

    /// The server itself, and whoever opened its Unix socket, which has no address.
    static let server = ReadSource(.local, exempt: AddressRanges())

    /// The app's jobs, which no address is and nothing exempts: one thread stays for visitors.
    static let jobs = ReadSource(bits: UInt64(bitPattern: Int64("jobs".hashValue)) & ~1)

    private init(bits: UInt64) { self.bits = bits }

    init(_ peer: PeerAddress, exempt: AddressRanges) {
        var hasher = Hasher()
        switch peer {
        case .v4(let address, _):
            hasher.combine(4)
            hasher.combine(address)
        case .v6(let high, _, _):
            hasher.combine(6)
            hasher.combine(high >> 16)
        case .local: hasher.combine(0)
        }
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        let isExempt = peer == .local || exempt.contains(peer)
        bits = hash & ~1 | (isExempt ? 1 : 0)
    }
}

extension ReadSource {
    /// A user, wherever they are: for what is asked on their behalf and not on an address's.
    /// Exempt like the source that they ask from.
    init(user: Name, like source: ReadSource) {
        var hasher = Hasher()
        hasher.combine("user")
        hasher.combine(user)
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        bits = hash & ~1 | (source.isExempt ? 1 : 0)
    }
}

/// Who asks for a read.
public struct ReadAsker: Sendable {
    enum Kind: Sendable { case request, socket }

    let source: ReadSource
    let kind: Kind
    /// Says when nobody waits for the answer any more.
    let watch: ExchangeWatch?
}
