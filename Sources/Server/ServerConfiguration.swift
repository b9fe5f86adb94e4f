// What a server is told at start: where to listen, how many workers, and every limit of this room.
// Defaults are those that a public port can live with; a limit's comment says what happens there.

import Logging
import MizuAccessLog
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport

/// Limits and time-outs of connections. One value, passed in; times in milliseconds.
public struct ServerLimits: Sendable {
    public var http = HTTPLimits()
    /// Bytes of one worker's shared read buffer, and of one read.
    public var readBytesMax = 64 * 1024
    /// What a tick takes before it looks at everything else again.
    public var tick = TickLimits()
    /// Connections of one worker; beyond it new ones get 503.
    public var workerConnectionsMax = 100_000
    /// Connections of the process; beyond it new ones get 503. Nil: what the limit of open files
    /// leaves.
    public var connectionsMax: Int?
    /// Connections of one worker that are told that they may not come in and given time to read
    /// it; beyond it they are closed behind the answer.
    public var turnedAwayMax = 64
    /// Nothing sent yet, or nothing between two requests: the connection closes. Longer than the
    /// 60 s for which balancers keep theirs: whoever reuses a connection must be the first to let
    /// it go.
    public var idleMilliseconds: UInt64 = 75_000
    /// From the accepted TLS connection to the end of its handshake: the connection closes.
    public var handshakeMilliseconds: UInt64 = 10_000
    /// TLS handshakes open in one worker; beyond it new clients take the place of the oldest that
    /// has had `handshakeGraceMilliseconds`, or wait in the kernel's queue.
    public var workerHandshakesMax = 1_000
    /// An honest handshake is over by then; one that is not is the first to go at the cap.
    public var handshakeGraceMilliseconds: UInt64 = 1_000
    /// Steps of handshakes, about 0.2 ms each, that one tick takes; the others go on in the next.
    public var tickHandshakeStepsMax = 16
    /// Connections whose peers have gone that one tick sees to, some 10 us each; the others wait,
    /// so that those who stay are served while thousands leave at once.
    public var tickLeavesMax = 64
    /// From the first byte of a request to the end of its head: 408 and close.
    public var headMilliseconds: UInt64 = 10_000
    /// How fast a body or a WebSocket message must come (408; 1008), and an answer be taken (the
    /// connection is reset).
    public var pace = TransferPace()
    /// An answer of more bytes than this is watched until the peer has acknowledged it, also when
    /// the kernel took all of it at once.
    public var unwatchedAnswerBytesMax = 64 * 1024
    /// From a handler's `.pending` to its answer: 503 and close.
    public var handlerMilliseconds: UInt64 = 60_000
    /// How long we read on after our last byte, so that a reset cannot overtake the answer.
    public var lingerMilliseconds: UInt64 = 2_000

    /// Bytes of one WebSocket message: 1009.
    public var messageBytesMax = 1 << 20
    /// Fragments of one WebSocket message: 1009.
    public var messageFragmentsMax = 100_000
    /// Bytes and messages that wait for one socket. Answers to the peer's own requests stop
    /// reading from it; what the server would tell by itself is left out (protocol.md).
    public var sendQueueBytesMax = 1 << 20
    public var sendQueueMessagesMax = 256
    /// Bytes that wait for all sockets of the process together: who has something waiting is then
    /// treated as if its own queue were full.
    public var queuedBytesMax = 128 << 20
    /// What peers may make the process hold in all; beyond it 503, 1013 and resets.
    public var memory = MemoryLimits()
    /// A socket whose queue stays full that long, or takes less than `pace` in that time while
    /// something waits, is closed with 4000.
    public var sendQueueFullMilliseconds: UInt64 = 30_000
    /// A socket that was sent nothing for that long gets a word (protocol.md: 25 s).
    public var heartbeatMilliseconds: UInt64 = 25_000
    /// A socket that said nothing, not even a pong, for that long is gone.
    public var silenceMilliseconds: UInt64 = 80_000
    /// From our close frame to the peer's.
    public var closeHandshakeMilliseconds: UInt64 = 5_000

    public init() {}
}

/// What permessage-deflate may cost each worker in memory. A connection that idles costs nothing.
public struct DeflateMemory: Sendable {
    /// Of compressors that keep their windows, for groups and for single sockets, 22,300 bytes
    /// each: beyond it whoever has not used theirs for long loses it and begins anew.
    public var compressorBytesMax = 4 << 20
    /// Of inflaters for clients that keep their windows (7 to 40 KB each, for the connection's
    /// life): beyond it clients are told `client_no_context_takeover`. Default 0: all are.
    public var clientWindowBytesMax = 0

    public init() {}
}

/// Looks at a request's head; the names are those that the server's certificates prove now.
public typealias Admit = @Sendable (inout Request, _ proven: CertificateHosts) -> Response?

/// Everything a `Server` needs. Values and Sendable closures; read-only once it runs.
public struct ServerConfiguration: Sendable {
    public var addresses: [ListenAddress]
    /// Where to listen for TLS; means nothing without `tls`.
    public var tlsAddresses: [ListenAddress] = []
    /// The certificates to begin with; `Server.use` changes them.
    public var tls: TLSCertificates?
    public var tlsOptions = TLSOptions()
    public var limits = ServerLimits()
    /// The time by which deadlines pass and that answers carry.
    public var clock = Clock.system
    /// How long a drain may take before open connections are dropped.
    public var drainMilliseconds: UInt64 = 5_000
    public var logger: Logger
    public var router: Router
    /// Looks at a request's head before its body is read; an answer refuses it (protocol.md,
    /// "Origin"). Runs on every worker.
    public var admit: Admit
    /// What answers say to pages of other origins (`Request.crossOrigin`).
    public var crossOrigin = CrossOrigin()
    /// How errors are told.
    public var problems = ProblemPages()
    /// The fields that every answer carries.
    public var defaults = SafeDefaults.web
    /// The services that `Response.upgrade` names by index; each worker makes its own.
    public var webSockets: [@Sendable () -> any WebSocketService] = []
    /// permessage-deflate (RFC 7692); nil: offers are passed over.
    public var deflate: DeflateMemory? = DeflateMemory()
    /// Limits for each address; nil: none.
    public var addressLimits: AddressLimits?
    /// How often an address and a user may ask, of any route; nil: as often as they like. Routes
    /// say what they cost.
    package var rateLimiter: RateLimiter?
    /// Whose X-Forwarded-For, -Proto and -Host and PROXY headers are believed.
    package var trustedProxies = TrustedProxies()
    public var proxyProtocol = ProxyProtocolUse.off
    /// `Strict-Transport-Security` of answers to requests that came by TLS (RFC 6797 §6.1); nil:
    /// none.
    public var strictTransportSecurity: String?
    /// Compresses answers where the client accepts it.
    public var compression = Compression.gzip

    /// Where each answer leaves a line; nil: nowhere.
    package var accessLog: AccessLog?

    public enum Compression: Sendable { case none, gzip }

    /// Whether connections from trusted proxies begin with a PROXY header. All or none: where it
    /// were optional, a client could send one through a proxy that does not.
    public enum ProxyProtocolUse: Sendable { case off, required }

    public init(
        addresses: [ListenAddress], router: Router, logger: Logger,
        admit: @escaping Admit = { _, _ in nil }
    ) {
        self.addresses = addresses
        self.router = router
        self.logger = logger
        self.admit = admit
    }
}
