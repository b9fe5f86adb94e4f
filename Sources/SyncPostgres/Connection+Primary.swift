// Who is at the other end of a connection, and whether it is to be used: of several primaries the
// latest (PrimaryHistory). It is asked together with the rest that is asked when a connection is
// opened; where a pool may lead elsewhere with each transaction, beside each one's beginning. Part
// of Connection, on its owner's thread.

import CPostgres
import MizuSync

extension Connection {
    /// For any role. A standby's timeline is the one that it has come to.
    static let whoIsThere = Statement(
        "m_who",
        """
        SELECT pg_backend_pid()::int8, (SELECT system_identifier FROM pg_control_system())::int8,
            pg_is_in_recovery()::int::int8, CASE WHEN pg_is_in_recovery() THEN
                (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)::int8
                FROM pg_control_checkpoint() c, pg_control_recovery() r)
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 END
        """)
    /// 0 of a standby.
    static let timeline = Statement(
        "m_timeline",
        """
        SELECT CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 END
        """)

    /// What a server says of itself.
    struct Peer {
        let backend: Int
        let isStandby: Bool
        let term: PrimaryTerm

        init(_ rows: Rows) throws(ConnectionFailure) {
            do throws(StoreError) {
                guard rows.count == 1 else { throw Rows.damaged("nobody is there") }
                backend = try rows.int(0, 0)
                isStandby = try rows.int(0, 2) == 1
                term = PrimaryTerm(system: try rows.int(0, 1), timeline: try rows.int(0, 3))
            } catch {
                throw .unreachable("the server does not say who it is")
            }
        }
    }

    /// Asks the other hosts of the URL, now and then, of which primary they know: one that was
    /// promoted while this process did not run is learnt of in no other way. Blocks for a bounded
    /// time; who does not answer says nothing.
    func lookAround(_ history: PrimaryHistory) {
        let hosts = ConnectionParameter.eachHost(of: parameters)
        guard hosts.count > 1, history.takeTurnToLook() else { return }
        for host in hosts where !isConnected(to: host) {
            let other = Connection(
                host.filter { $0.keyword != "target_session_attrs" }, PostgresFigures())
            do throws(ConnectionFailure) {
                try other.open(within: PrimaryHistory.hostMilliseconds)
                if let peer = other.peer { history.heard(peer.term) }
            } catch {
                continue
            }
        }
    }

    /// Refuses a server that is not to be used, and says so in the log.
    func admit(_ peer: Peer, _ history: PrimaryHistory) throws(ConnectionFailure) {
        // It takes no writes, and makes no truth of its own.
        guard !peer.isStandby else { return }
        let words: String
        switch history.judge(peer.term) {
        case .latest: return
        case .older(let latest):
            words =
                "is an old primary (timeline \(peer.term.timeline)), and another one has followed "
                + "it (timeline \(latest.timeline)): it is not used. Make it a standby of the new "
                + "one (pg_rewind, standby.signal), or stop it"
        case .stranger(let latest):
            words =
                "is of another cluster (system identifier \(peer.term.system)) than this node has "
                + "used so far (\(latest.system)): it is not used. If it is to be used from now "
                + "on, stop all nodes and start them again"
        }
        let message = "\(address) \(words)"
        history.say(message)
        throw .superseded(message)
    }

    /// For people; a pool's where one stands between.
    private var address: String {
        guard let handle else { return "PostgreSQL" }
        let host = PQhost(handle).map { String(cString: $0) } ?? ""
        let port = PQport(handle).map { String(cString: $0) } ?? ""
        return "PostgreSQL at \(host) port \(port)"
    }

    /// Whether the parameters name the host that answers.
    func isConnected(to host: [ConnectionParameter]) -> Bool {
        func says(_ keyword: String, _ value: UnsafeMutablePointer<CChar>?) -> Bool {
            guard let named = host.first(where: { $0.keyword == keyword })?.value, !named.isEmpty
            else { return true }
            return value.map { String(cString: $0) == named } ?? false
        }
        guard let handle else { return false }
        return says("host", PQhost(handle)) && says("hostaddr", PQhostaddr(handle))
            && says("port", PQport(handle))
    }

    // MARK: Behind a pool

    /// What a transaction begins with, behind its `BEGIN`, where it may be another server's than
    /// the one before: so that its waits are bounded, and that it is the same primary's.
    var opening: [Query] {
        guard !isDirect, let bounds else { return [] }
        return [bounds.query(isLocal: true), Query(Self.timeline)]
    }

    /// Looks at the answers to `opening`: a pool that has gone over to another primary is
    /// connected to anew, so that whatever is asked of a new one is asked.
    func checkOpening(_ rows: ArraySlice<Rows>) throws(ConnectionFailure) {
        guard let peer, let last = rows.last else { return }
        let bytes = last.count == 1 ? last.bytes(0, 0) : nil
        guard let bytes, bytes.count == 8 else { throw .broken("the server says nothing") }
        let timeline = Int(bigEndian: bytes.loadUnaligned(as: Int.self))
        guard timeline != peer.term.timeline, timeline != 0 else { return }
        close()
        throw .broken("the pool leads to another primary than before")
    }
}
