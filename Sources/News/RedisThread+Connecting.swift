// How the thread of news comes to a connection: to Redis itself, to its socket, or to a Sentinel
// that says where the master is. Each attempt begins with nothing of the one before. What becomes
// of it is in RedisThread.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuTransport

extension RedisThread {
    func attemptIfDue() {
        guard case .waiting(let until) = phase, until <= Instant.machine else { return }
        let url = shared.settings.url
        let deadline = Instant.machine.adding(milliseconds: shared.settings.attemptMilliseconds)
        switch url.place {
        case .host(let host): connect(to: host, news(mustBeMaster: false), deadline)
        case .socket(let path):
            open(news(mustBeMaster: false), isSentinel: false, deadline) { () throws(SystemError) in
                try ClientSocket(toPath: path)
            }
        case .sentinels(let hosts, let master):
            let session = RedisSession(.sentinel(master: master), as: url.sentinelCredentials)
            connect(
                to: hosts[sentinelIndex % hosts.count], session, deadline, isSentinel: true)
            sentinelIndex = (sentinelIndex + 1) % hosts.count
        }
    }

    func news(mustBeMaster: Bool) -> RedisSession {
        let settings = shared.settings
        return RedisSession(
            .news(
                name: settings.name, database: settings.url.database, mustBeMaster: mustBeMaster),
            as: settings.url.credentials)
    }

    func connect(
        to host: RedisURL.Host, _ session: RedisSession, _ deadline: Instant,
        isSentinel: Bool = false
    ) {
        var address = host.name == "localhost" ? "127.0.0.1" : host.name
        var text = [CChar](repeating: 0, count: 64)
        guard cl_resolve(address, &text, text.count) >= 0 else {
            return end("its name cannot be resolved")
        }
        address = String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var engine: TLSClientEngine?
        if shared.settings.url.isSecure {
            do throws(TLSError) {
                engine = try TLSClientEngine(host: host.name, trust: shared.settings.trust)
            } catch {
                return end(error.description)
            }
        }
        open(session, isSentinel: isSentinel, deadline) { () throws(SystemError) in
            try ClientSocket(to: address, port: host.port, engine: engine)
        }
    }

    private func open(
        _ session: RedisSession, isSentinel: Bool, _ deadline: Instant,
        _ make: () throws(SystemError) -> ClientSocket
    ) {
        connectionNumber += 1
        input = ByteBuffer(capacity: 1)
        output.removeAll()
        neededBytes = 0
        subscribed = []
        do throws(SystemError) {
            let socket = try make()
            try poller.register(socket.descriptor, data: connectionNumber)
            phase = .connected(
                Connection(
                    socket: socket, session: session, isSentinel: isSentinel, deadline: deadline,
                    lastInput: Instant.machine))
        } catch {
            end(error.reason)
        }
    }
}
