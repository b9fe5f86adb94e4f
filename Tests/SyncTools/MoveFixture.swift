// A server without sockets for the tests of moves: an engine that pushes to any store, some
// clients, and everything that a store keeps, written down so that two can be compared.

import Glibc
import Logging
import MizuBytes
import MizuSync
import MizuSyncSQLite
import Testing

@testable import MizuSyncTools

/// Puts and removes notes, and refuses what it does not know.
private struct NoteMutator: Mutator {
    struct Note: Codable {
        var id: String
        var text: String?
    }

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        let note = try mutation.args.decode(Note.self)
        switch mutation.name {
        case "put": try store.put("note", id: note.id, note)
        case "drop": try store.delete("note", id: note.id)
        default: throw .unknownMutation
        }
    }
}

/// Pushes to a store, as clients do.
final class MoveFixture {
    let store: any SyncStore
    let engine: SyncEngine

    init(_ store: any SyncStore, limits: SyncLimits = SyncLimits()) {
        self.store = store
        let clock = Clock()
        self.clock = clock
        engine = SyncEngine(
            store: store, mutator: NoteMutator(), limits: limits,
            now: { clock.milliseconds }, steady: { clock.milliseconds })
    }

    private final class Clock {
        var milliseconds: Int64 = 1_800_000_000_000
    }
    private let clock: Clock

    func wait(milliseconds: Int64) { clock.milliseconds += milliseconds }

    /// - Returns: the result of the one mutation, as it is told.
    @discardableResult
    func push(
        _ id: String, _ name: String = "put", note: String = "n", text: String = "t",
        to scope: String = "s", isNamed: Bool = true, user: Name? = nil
    ) throws -> String {
        // A client belongs to one user.
        let client =
            (isNamed ? "c" + (user?.string ?? "") : nil).map { "\"client\":\"\($0)\"," } ?? ""
        var request = try PushRequest.parse(
            ByteSlice(
                """
                {"scope":"\(scope)",\(client)"mutations":[{"id":"\(id)","name":"\(name)",\
                "args":{"id":"\(note)","text":"\(text)"}}]}
                """), limits: SyncLimits())
        request.user = user
        let result = engine.commit([request])
        let body = try #require(result.answers.first).get().body(limits: SyncLimits())
        return body.string
    }

    func trimAll() throws {
        while try engine.trim() != .done {}
    }
}

/// Everything that a source shows, as text.
func everything(of source: any MoveSource) throws -> [String] {
    var lines: [String] = []
    try source.visitScopes { (scope, _) throws(ToolFailure) in
        do throws(StoreError) {
            lines.append("\(scope): \(try source.summary(of: scope))")
            for (first, epoch) in try source.epochs(of: scope) {
                lines.append("\(scope) epoch \(first) \(epoch)")
            }
            try source.visitLog(of: scope, after: -1) { entry in
                for mutation in entry.mutations {
                    lines.append(
                        "\(scope) log \(mutation.first) \(mutation.borders) \(mutation.ends) "
                            + "\(mutation.timesMilliseconds) \(mutation.bytes.string)")
                }
                return .next
            }
            try source.visitRecords(in: scope) { key, record in
                lines.append("\(scope) \(key.id) \(record.version) \(record.json.string)")
                return .next
            }
            var clients: [String] = []
            try source.visitClients(of: scope) { client, state in
                clients.append("\(scope) client \(client) \(state)")
                return .next
            }
            lines += clients.sorted()
        } catch {
            throw ToolFailure(error.message)
        }
        return .next
    }
    var others: [String] = []
    try source.visitNewOutcomes { (scope, mutation, outcome) throws(ToolFailure) in
        others.append("outcome \(scope) \(mutation) \(outcome)")
    }
    try source.visitAccounts { account, state in
        others.append("account \(account.text) \(state)")
        return .next
    }
    let totals = try source.totals()
    return lines + others.sorted() + ["\(String(describing: totals))"]
}

/// A folder of its own, which goes with all that is in it.
final class MoveFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/mizu-move-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["/a.db", "/b.db", "/c.db"] { DatabaseCopy.remove(path + name) }
        rmdir(path)
    }

    func open(_ name: String, epoch: Name) throws -> any SyncStore {
        try Store.open(
            "sqlite:\(path)/\(name)", epoch: epoch,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}
