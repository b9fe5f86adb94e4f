// What a server is told at start: where to listen, how many workers, and every limit of this room.
// Defaults are those that a public port can live with; a limit's comment says what happens there.

import Logging
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport

/// Limits and time-outs of connections. One value, passed in; times in milliseconds.
public struct ServerLimits: Sendable {
    public var http = HTTPLimits()
    /// Bytes of one worker's shared read buffer, and of one read.
    public var readBytesMax = 64 * 1024
    /// Bytes read from one connection in one tick; beyond it the others go first.
    public var tickReadBytesMax = 256 * 1024
    /// Connections of one worker; beyond it new ones are closed at once.
    public var workerConnectionsMax = 100_000
    /// Nothing sent yet, or nothing between two requests: the connection closes.
    public var idleMilliseconds: UInt64 = 60_000
    /// From the accepted TLS connection to the end of its handshake: the connection closes.
    public var handshakeMilliseconds: UInt64 = 10_000
    /// TLS handshakes open in one worker; beyond it new clients wait in the kernel's queue.
    public var workerHandshakesMax = 1_000
    /// Steps of handshakes, about 0.2 ms each, that one tick takes; the others go on in the next.
    public var tickHandshakeStepsMax = 16
    /// From the first byte of a request to the end of its head: 408 and close.
    public var headMilliseconds: UInt64 = 10_000
    /// From the end of the head to the end of the body: 408 and close.
    public var bodyMilliseconds: UInt64 = 30_000
    /// From the last byte that the kernel took while more waits: the connection is dropped.
    public var writeStallMilliseconds: UInt64 = 30_000
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
    /// A socket whose queue stays full that long is closed with 4000.
    public var sendQueueFullMilliseconds: UInt64 = 30_000
    /// A socket that was sent nothing for that long gets a word (protocol.md: 25 s).
    public var heartbeatMilliseconds: UInt64 = 25_000
    /// A socket that said nothing, not even a pong, for that long is gone.
    public var silenceMilliseconds: UInt64 = 80_000
    /// From our close frame to the peer's.
    public var closeHandshakeMilliseconds: UInt64 = 5_000

    public init() {}
}

/// Everything a `Server` needs. Values and Sendable closures; read-only once it runs.
public struct ServerConfiguration: Sendable {
    public var addresses: [ListenAddress]
    /// Where to listen for TLS; means nothing without `tls`.
    public var tlsAddresses: [ListenAddress] = []
    /// The certificates to begin with; `Server.use` changes them.
    public var tls: TLSCertificates?
    public var tlsOptions = TLSOptions()
    public var limits = ServerLimits()
    /// How long a drain may take before open connections are dropped.
    public var drainMilliseconds: UInt64 = 5_000
    public var logger: Logger
    public var router: Router
    /// Looks at a request's head before its body is read; an answer refuses it (protocol.md,
    /// "Origin"). Runs on every worker.
    public var admit: @Sendable (inout Request) -> Response?
    /// The fields that every answer carries.
    public var defaults = SafeDefaults.web
    /// The services that `Response.upgrade` names by index; each worker makes its own.
    public var webSockets: [@Sendable () -> any WebSocketService] = []
    /// Compresses answers where the client accepts it.
    public var compression = Compression.gzip

    /// Where each answer leaves a line; nil: nowhere.
    public var accessLog: AccessLog?

    public enum Compression: Sendable { case none, gzip }

    public init(
        addresses: [ListenAddress], router: Router, logger: Logger,
        admit: @escaping @Sendable (inout Request) -> Response? = { _ in nil }
    ) {
        self.addresses = addresses
        self.router = router
        self.logger = logger
        self.admit = admit
    }
}
