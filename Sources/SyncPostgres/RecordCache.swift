// Records of scopes that were written to lately, so that the next mutation there need not ask the
// database. Every change of a record moves its scope's head, so what was read at a head holds as
// long as the head is there, which the lock on the scope's row tells. Bounded in bytes; which
// records a mutation will ask for is guessed from those before it.

import MizuBytes
import MizuSync

/// Records by scope. Confined to the store's thread.
struct RecordCache {
    static let bytesMax = 16 << 20
    /// What an entry costs beside its JSON, or so.
    private static let overhead = 200

    private struct Scope {
        var head: Position
        /// An inner nil: there is no such record.
        var records: [RecordKey: StoredRecord?] = [:]
    }

    private static let writtenMax = 1 << 15

    private var scopes: [Name: Scope] = [:]
    private var byteCount = 0
    /// Scopes that were seen with a change in them, and whose they are. Such a row is not removed
    /// any more, so it need not be made to be locked. Hints: the lock shows what is true.
    private var written: [Name: Account?] = [:]

    /// Keeps what is known of a scope only if it is of this head. To be said first in each
    /// transaction that has the scope locked.
    mutating func validate(_ scope: Name, at head: Position) {
        if let known = scopes[scope], known.head == head { return }
        drop(scope)
    }

    func record(_ key: RecordKey, in scope: Name) -> StoredRecord?? {
        scopes[scope]?.records[key]
    }

    /// Takes in a record as it is at `head`.
    mutating func learn(
        _ key: RecordKey, in scope: Name, _ record: StoredRecord?, at head: Position
    ) {
        if byteCount > Self.bytesMax {
            scopes = [:]
            byteCount = 0
        }
        byteCount += Self.overhead + (record?.json.count ?? 0)
        scopes[scope, default: Scope(head: head)].records[key] = .some(record)
    }

    /// The scope is at another head by what the store itself has written, and `learn` is told of
    /// all of it.
    mutating func move(_ scope: Name, to head: Position) { scopes[scope]?.head = head }

    mutating func drop(_ scope: Name) {
        guard let dropped = scopes.removeValue(forKey: scope) else { return }
        for record in dropped.records.values {
            byteCount -= Self.overhead + (record?.json.count ?? 0)
        }
        // A record that was learnt twice was counted twice.
        if scopes.isEmpty { byteCount = 0 }
    }

    mutating func removeAll() {
        scopes = [:]
        byteCount = 0
        written = [:]
    }

    // MARK: Hints

    /// Whose the scope was, if it was seen written.
    func owner(of scope: Name) -> Account?? { written[scope] }

    mutating func note(_ scope: Name, ownedBy owner: Account?) {
        if written.count >= Self.writtenMax { written = [:] }
        written[scope] = .some(owner)
    }

    /// The row was not there after all: an older state was put back.
    mutating func forget(_ scope: Name) {
        written[scope] = nil
        drop(scope)
    }
}

/// Which record a mutation asks for: those of the same name have asked for an entity by the id that
/// an argument says.
struct RecordGuesses {
    private static let namesMax = 256
    private static let guessesMax = 4

    struct Guess: Hashable {
        let entity: Name
        /// Of the arguments; JSON text without quotes.
        let member: [UInt8]
    }

    private var known: [Name: [Guess]] = [:]

    /// The keys that the mutation will likely ask for.
    func keys(of mutation: PushedMutation) -> [RecordKey] {
        guard case .ready(let name, let args) = mutation.content, let guesses = known[name] else {
            return []
        }
        return guesses.compactMap { guess in
            args.json.member(named: ByteSlice(guess.member)).flatMap { $0.utf8 }
                .flatMap { Name($0) }.map { RecordKey(entity: guess.entity, id: $0) }
        }
    }

    /// A look-up that nobody had guessed: whose argument was it?
    mutating func learn(_ key: RecordKey, from pushes: [PushRequest], in scope: Name) {
        for push in pushes where push.scope == scope {
            for mutation in push.mutations {
                guard case .ready(let name, let args) = mutation.content,
                    let member = Self.member(of: args, saying: key.id)
                else { continue }
                let guess = Guess(entity: key.entity, member: member)
                var guesses = known[name] ?? []
                if guesses.contains(guess) || guesses.count >= Self.guessesMax { continue }
                if guesses.isEmpty, known.count >= Self.namesMax { known = [:] }
                guesses.append(guess)
                known[name] = guesses
                return
            }
        }
    }

    private static func member(of args: Arguments, saying id: Name) -> [UInt8]? {
        guard args.json.kind == .object else { return nil }
        for (name, value) in args.json.members where value.kind == .string {
            if let content = value.utf8, Name(content) == id { return name.utf8?.array }
        }
        return nil
    }
}
