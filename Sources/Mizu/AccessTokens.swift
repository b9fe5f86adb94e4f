// Tokens of this server's own, for scripts: each has a name, may be bound to reading and to
// certain scopes, is shown once, listed, and revoked. All of them are in memory, by their digests,
// read when the app starts: so a request waits for no disk, and a guess costs nothing but a
// checksum.
//
// A change is durable first and counts then: a new token is known when `create` returns, and a
// revoked one is nobody's any more, and its sockets are closed, when `revoke` does. Where other
// processes change tokens, too, the store is asked after the request has come how far its tokens
// have gone, and where that is further than memory knows, what it has of this one. Any thread.

import MizuBytes
import MizuCrypto
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuSync
import MizuSyncService
import Synchronization

/// The tokens that an app's users have made. `App.accessTokens` returns it.
public final class AccessTokens: BearerAuthenticator {
    /// A token as its owner sees it in a list; nothing here proves anything.
    public struct Info: Sendable, Equatable {
        /// Its public name, as in `request.credential`.
        public let id: String
        /// Whose it is.
        public let user: String
        /// What its owner calls it.
        public let name: String
        /// Whether it may push; else it only reads.
        public let writes: Bool
        /// The only scopes that it is good for; nil: all that its user has.
        public let scopes: [String]?
        /// Since 1970.
        public let createdMilliseconds: Int64
        /// Since 1970; nil: without end.
        public let untilMilliseconds: Int64?
        let hash: String

        init(_ record: AccessTokenRecords.Token, hash: String) {
            id = AccessToken.credential(ofHash: hash)
            user = record.user
            name = record.name
            writes = record.writes
            scopes = record.scopes
            createdMilliseconds = record.createdMilliseconds
            untilMilliseconds = record.untilMilliseconds
            self.hash = hash
        }

        var limits: CredentialLimits? {
            let limits = CredentialLimits(
                writes: writes, scopes: scopes.map { Set($0.compactMap { Name($0) }) })
            return limits.isUnlimited ? nil : limits
        }
    }

    private let sync: Sync
    private let known = Mutex<[String: Info]>([:])
    /// Where the tokens' scope was when all of them were read last.
    private let readAt = Mutex<Position?>(nil)
    /// What was looked up by itself since, and where the scope was then: sockets may have it.
    private let lookedUp = Mutex<[String: (id: String, cursor: Int)]>([:])

    init(_ sync: Sync) { self.sync = sync }

    // MARK: Making and revoking

    /// Makes a token.
    /// - Parameters:
    ///   - user: whose it is: it may do what they may, and no more.
    ///   - name: what they call it; 1 to 200 bytes.
    ///   - right: `.read`: it pulls and reads; `.write` and above: it pushes, too.
    ///   - scopes: the only scopes that it is good for; nil: all.
    ///   - untilMilliseconds: when it ends, since 1970; nil: when it is revoked.
    /// - Returns: the token, whose text is shown to its owner this once, and how it is listed.
    /// - Throws: `HTTPError` 422 for a name or scopes that cannot be, 409 if the user has a hundred
    ///   already.
    public func create(
        for user: String, name: String, right: Right = .write, scopes: [Name]? = nil,
        untilMilliseconds: Int64? = nil
    ) async throws -> (token: AccessToken, info: Info) {
        let isNamed = (1...AccessTokenRecords.nameBytesMax).contains(name.utf8.count)
        let count = scopes?.count ?? 1
        guard isNamed, (1...AccessTokenRecords.scopesMax).contains(count), Name(user) != nil else {
            throw HTTPError(
                .unprocessableContent, code: "invalid_request",
                message: "a token has a name of 1 to 200 bytes, and 1 to 100 scopes or all")
        }
        let token = AccessToken.random()
        let record = AccessTokenRecords.Token(
            user: user, name: name, writes: right >= .write, scopes: scopes?.map(\.string),
            createdMilliseconds: WallClock.milliseconds, untilMilliseconds: untilMilliseconds)
        try await push(
            AccessTokenRecords.create,
            AccessTokenRecords.Create(hash: token.hash, token: record))
        let info = Info(record, hash: token.hash)
        known.withLock { $0[token.hash] = info }
        return (token, info)
    }

    /// The tokens of `user`, the newest first; those that have ended are among them. Also by what
    /// another process had changed before this was called. O(tokens).
    /// - Throws: `HTTPError` 503 if others change tokens, too, and the store cannot be read.
    public func list(of user: String) async throws -> [Info] {
        try await catchUp()
        return known(of: user)
    }

    /// The same by what memory knows.
    private func known(of user: String) -> [Info] {
        known.withLock { $0.values.filter { $0.user == user } }
            .sorted { ($0.createdMilliseconds, $0.id) > ($1.createdMilliseconds, $1.id) }
    }

    /// Revokes a token of `user` by its public name. Its sockets are closed.
    /// - Throws: `HTTPError` 404 if they have no such token.
    public func revoke(_ id: String, of user: String) async throws {
        guard let info = try await list(of: user).first(where: { $0.id == id }) else {
            throw HTTPError(.notFound, code: "not_found", message: "there is no such token")
        }
        try await push(
            AccessTokenRecords.revoke,
            AccessTokenRecords.Revoke(user: user, hash: info.hash))
        forget([info])
    }

    /// Revokes all tokens of `user`: they have no account any more, or have lost a device.
    public func revokeAll(of user: String) async throws {
        try await catchUp()
        try await push(
            AccessTokenRecords.revoke, AccessTokenRecords.Revoke(user: user, hash: nil))
        forgetAll(of: user)
    }

    /// Reads what others have made and revoked, if there is anything of that; where it cannot be
    /// read, memory is as it was.
    private func catchUp() async throws {
        guard isShared else { return }
        let end: Position? = await handedOver { waiting in
            sync.service.learnEnd(of: AccessTokenRecords.scope) { waiting.resume(returning: $0) }
        }
        if let end, readAt.withLock({ $0 }) == end { return }
        let isRead =
            end == nil
            ? false : await handedOver { waiting in reload { waiting.resume(returning: $0) } }
        guard isRead else {
            throw HTTPError(Refusal.unavailable("the store cannot be read now"))
        }
    }

    fileprivate func forgetAll(of user: String) { forget(known(of: user)) }

    private func forget(_ infos: [Info]) {
        known.withLock { known in
            for info in infos { known[info.hash] = nil }
        }
        for info in infos { sync.live.close(credential: info.id) }
    }

    private func push(_ name: Name, _ arguments: some Encodable) async throws {
        let intent = try Intent(name, arguments)
        let outcomes = try await sync.push(
            as: .server, scope: AccessTokenRecords.scope, [intent])
        if let error = outcomes.first?.error { throw error }
    }

    // MARK: Knowing

    /// Reads all of them from the store. Blocks: for the start alone.
    /// - Throws: `StartError` if they cannot be read.
    func load() throws(StartError) {
        let isLoaded: Bool
        do throws(SystemError) {
            isLoaded = try waitForLoad()
        } catch {
            throw StartError("cannot start: \(error)")
        }
        guard isLoaded else { throw StartError("the tokens of the database cannot be read") }
    }

    private func waitForLoad() throws(SystemError) -> Bool {
        let loaded = try Mailbox<Bool>()
        var poller = try Poller()
        try poller.registerInput(loaded.pollable, data: 0)
        reload { loaded.post($0) }
        var outcome: [Bool] = []
        let deadline = Instant.now.adding(milliseconds: Self.loadMilliseconds)
        while outcome.isEmpty, Instant.now < deadline {
            try poller.wait(milliseconds: 100)
            loaded.drain(into: &outcome)
        }
        return outcome.first == true
    }

    private static let loadMilliseconds: UInt64 = 30_000

    /// Reads all of them anew: at the start, and when a backup was put back under the server.
    /// - Parameter completion: is told whether they could be read.
    func reload(_ completion: @escaping @Sendable (Bool) -> Void) {
        // Whose account has ended, though the process ended before their tokens were removed.
        sync.read(
            AccountRecords.scope,
            { snapshot in Set(try snapshot.ids(of: AccountRecords.deletion, limit: .max)) }
        ) { result in
            guard case .success(let gone) = result else { return completion(false) }
            self.sync.read(
                AccessTokenRecords.scope,
                { snapshot in (try Self.all(in: snapshot), try snapshot.position()) }
            ) { result in
                guard case .success(let (found, position)) = result else {
                    return completion(false)
                }
                self.take(found.filter { !gone.contains($0.value.user) }, at: position)
                completion(true)
            }
        }
    }

    /// Takes in what there is. Sockets of tokens that are no more are closed.
    private func take(_ found: [String: Info], at position: Position) {
        let gone: [String]? = readAt.withLock { at in
            // Somebody else was quicker, and has read what is newer.
            if let at, at.epoch == position.epoch, at.cursor > position.cursor { return nil }
            at = position
            return known.withLock { known in
                defer { known = found }
                return known.filter { found[$0.key] == nil }.map(\.value.id)
            }
        }
        guard isShared, let gone else { return }
        let looked = lookedUp.withLock { looked in
            let old = looked.filter { $0.value.cursor <= position.cursor }
            for hash in old.keys { looked[hash] = nil }
            return old.filter { found[$0.key] == nil }.map(\.value.id)
        }
        sync.live.closeHere(credentials: gone + looked)
    }

    /// Whether other processes make and revoke tokens, too.
    public var isShared: Bool { sync.service.isShared }

    /// Whose a token is, by all that any process has changed before this was called.
    public func currentIdentity(
        of token: [UInt8],
        _ answer: @escaping @Sendable (Result<BearerIdentity, BearerRefusal>) -> Void
    ) {
        // What is no token asks nobody.
        guard let hash = token.withUnsafeBytes({ AccessToken($0)?.hash }) else {
            return answer(known(of: token))
        }
        sync.service.learnEnd(of: AccessTokenRecords.scope) { end in
            guard let end else { return answer(.failure(.unreadable)) }
            if self.readAt.withLock({ $0 }) == end { return answer(self.known(of: token)) }
            self.sync.read(
                AccessTokenRecords.scope,
                { snapshot in
                    let record = try snapshot.record(AccessTokenRecords.token, id: hash)?
                        .decode(AccessTokenRecords.Token.self)
                    return (record, try snapshot.position().cursor)
                }
            ) { result in
                switch result {
                case .failure: answer(.failure(.unreadable))
                case .success(let (record, cursor)):
                    let info = record.map { Info($0, hash: hash) }
                    if let info { self.lookedUp.withLock { $0[hash] = (info.id, cursor) } }
                    answer(Self.worth(of: info))
                }
            }
        }
    }

    private static func worth(of info: Info?) -> Result<BearerIdentity, BearerRefusal> {
        do throws(BearerRefusal) {
            return .success(try identity(of: info, atMilliseconds: WallClock.milliseconds))
        } catch {
            return .failure(error)
        }
    }

    private static func all(in snapshot: borrowing Snapshot) throws -> [String: Info] {
        var found: [String: Info] = [:]
        try snapshot.reader.visitRecords(of: AccessTokenRecords.token, in: snapshot.scope) {
            id, json in
            let value = JSONValue(validated: json)
            // A record that cannot be read is no token: the others are.
            if let record = try? value.decode(AccessTokenRecords.Token.self) {
                found[id.string] = Info(record, hash: id.string)
            }
            return .next
        }
        return found
    }

    /// Tokens that begin as this server's own do.
    public func claims(_ token: UnsafeRawBufferPointer) -> Bool {
        token.starts(with: AccessToken.prefix.utf8)
    }

    public func identity(
        of token: UnsafeRawBufferPointer, atMilliseconds now: Int64
    ) throws(BearerRefusal) -> BearerIdentity {
        guard let token = AccessToken(token) else { throw Self.malformed }
        return try Self.identity(of: known.withLock { $0[token.hash] }, atMilliseconds: now)
    }

    private static func identity(
        of info: Info?, atMilliseconds now: Int64
    ) throws(BearerRefusal) -> BearerIdentity {
        guard let info else { throw unknown }
        let expires = info.untilMilliseconds.map { Expiry(unixMilliseconds: $0) }
        guard expires?.millisecondsLeft(at: now) != 0 else {
            throw BearerRefusal(code: "token_expired", message: "the token has expired")
        }
        return BearerIdentity(
            user: info.user, expires: expires, credential: info.id, limits: info.limits)
    }

    private static let malformed = BearerRefusal(
        code: "unauthenticated", message: "the token is not whole: is a part of it missing?")
    private static let unknown = BearerRefusal(
        code: "unauthenticated", message: "the token is not known, or was revoked")
}

extension App {
    /// Lets users have tokens for scripts, and takes them from `Authorization: Bearer` and from a
    /// socket's `auth`. Call it once, after `sync`.
    /// The tokens of an account end with it.
    /// - Returns: the handle that makes, lists and revokes them.
    /// - Throws: `StartError` if those that there are cannot be read.
    public func accessTokens(_ sync: Sync) throws(StartError) -> AccessTokens {
        AccessTokenRecords.register(in: systemMutations)
        let tokens = AccessTokens(sync)
        try tokens.load()
        atRestore.add { tokens.reload { _ in } }
        atAccountDeletion.add(
            forget: { tokens.forgetAll(of: $0) },
            remove: { try await tokens.revokeAll(of: $0) })
        // Made or revoked on another node.
        sync.service.onChangeElsewhere(of: AccessTokenRecords.scope) { tokens.reload { _ in } }
        authenticate(with: tokens)
        accountTokens.set(tokens)
        return tokens
    }
}

/// What is told when an older state was put back under the server. Any thread.
final class RestoreHooks: Sendable {
    private let hooks = Mutex<[@Sendable () -> Void]>([])

    func add(_ hook: @escaping @Sendable () -> Void) { hooks.withLock { $0.append(hook) } }

    func run() {
        for hook in hooks.withLock({ $0 }) { hook() }
    }
}
