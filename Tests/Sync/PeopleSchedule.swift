// One generated schedule of people: some users with a device each, two scopes, and a seed that says
// who is granted what, who edits, offline and online, whose answers are lost, when the process ends
// or is killed. Keeps the book by the log alone: what stands there, who was allowed to, and what
// became of each edit.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

/// What schedules have met, to prove that they meet it.
struct PeopleTally {
    var denied = 0
    var applied = 0
    var refused = 0
    var duplicates = 0
    var keptForLater = 0
    var accepted = 0
    var left = 0
    var lostRights = 0
    var kills = 0
    var failedCommits = 0

    static var parts: [WritableKeyPath<PeopleTally, Int>] {
        [
            \.denied, \.applied, \.refused, \.duplicates, \.keptForLater, \.accepted, \.left,
            \.lostRights, \.kills, \.failedCommits,
        ]
    }

    static func + (left: PeopleTally, right: PeopleTally) -> PeopleTally {
        var sum = left
        for part in parts { sum[keyPath: part] += right[keyPath: part] }
        return sum
    }
}

final class PeopleSchedule {
    private(set) var tally = PeopleTally()
    private let harness: Harness
    private let faults = Faults()
    private var chance: SeededGenerator
    private var problems: [String] = []

    private static let users: [Name] = ["ann", "bob", "cat", "dan"]
    private static let shared: [Name] = ["s", "t"]
    private static let tokens = ["red", "green", "blue"]

    /// An edit as its device made it.
    private struct Edit {
        let id: String
        let user: Name
        let scope: Name
        let name: String
        let args: String
    }

    private enum Fate { case applied, refused, setAside }

    private var edits: [String: Edit] = [:]
    /// What waits on each user's device, in order.
    private var queues: [Name: [Name: [Edit]]] = [:]
    private var fates: [String: Fate] = [:]

    /// A scope's log as it is read from the feed.
    private struct Book {
        var cursor = 0
        var roles: [Name: String] = [:]
        var mutations: [String] = []
        var adds: [String: Int] = [:]
    }

    private var books: [Name: Book] = [:]

    init(seed: UInt64, kind: StoreKind) throws {
        chance = SeededGenerator(seed: seed)
        var limits = SyncLimits()
        limits.logChangesMax = 12
        limits.trimRowsMax = 8
        limits.tailSegmentBytesMax = 600
        harness = try Harness(kind, limits: limits, roles: Harness.roles)
        harness.system.register("mizu.test.remove", fromWire: false) {
            (mutation, store) throws(Rejection) in
            struct Whom: Decodable {
                var user: Name
                var scopes: [Name]
            }
            let whom = try mutation.args.decode(Whom.self)
            for scope in whom.scopes { try store.removeGrant(of: whom.user, in: scope) }
        }
        try reopen()
    }

    private func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &chance) }

    private func pick<T>(_ all: [T]) -> T { all[roll(all.count)] }

    private func hold(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition, problems.count < 5 { problems.append(problem()) }
    }

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        // The network is well again.
        for _ in 0..<200 where queues.values.contains(where: { $0.values.contains { !$0.isEmpty } })
        {
            for user in Self.users {
                for scope in (queues[user] ?? [:]).keys.sorted() {
                    try push([(user, scope)], isAnswerLost: false)
                }
            }
        }
        try judge()
        if !problems.isEmpty { throw ScheduleFailure(problems: problems) }
    }

    private func step() throws {
        switch roll(20) {
        case 0..<10: edit(pick(Self.users))
        case 10..<16: try pushSome()
        case 16: try serverActs()
        case 17: try restart()
        case 18:
            harness.clock.milliseconds += Int64(roll(1000))
            try harness.trimAll()
        default: try failCommit()
        }
        if roll(10) == 0 { try judgeState() }
    }
}

// MARK: What people do

extension PeopleSchedule {
    private func edit(_ user: Name) {
        let (scope, other) = (pick(Self.shared), pick(Self.users))
        let own = Name.userScope(of: user) ?? scope
        let role = pick(["owner", "editor", "reader"])
        let token = pick(Self.tokens)
        let key = InvitationRecord.key(of: token)
        switch roll(12) {
        case 0..<5: queue(user, scope, "note.add", #"{"id":"\#(roll(3))"}"#)
        case 5, 6:
            queue(user, scope, "person.grant", #"{"user":"\#(other)","role":"\#(role)"}"#)
        case 7: queue(user, scope, "person.revoke", #"{"user":"\#(other)"}"#)
        case 8:
            let uses = 1 + roll(2)
            queue(
                user, scope, "person.invite",
                #"{"key":"\#(key)","role":"\#(role)","uses":\#(uses)}"#)
        case 9:
            queue(
                user, own, "mizu.invitation.accept",
                #"{"scope":"\#(scope)","token":"\#(token)"}"#)
        case 10: queue(user, own, "mizu.scope.leave", #"{"scope":"\#(scope)"}"#)
        default: queue(user, scope, pick(["note.nothing", "note.forbidden"]), "{}")
        }
    }

    private func queue(_ user: Name, _ scope: Name, _ name: String, _ args: String) {
        let edit = Edit(id: "e\(edits.count)", user: user, scope: scope, name: name, args: args)
        edits[edit.id] = edit
        queues[user, default: [:]][scope, default: []].append(edit)
    }

    private func pushSome() throws {
        let waiting = Self.users.flatMap { user in
            (queues[user] ?? [:]).filter { !$0.value.isEmpty }.keys.sorted().map { (user, $0) }
        }
        guard !waiting.isEmpty else { return }
        // Pushes that wait together are one transaction; a retry may be among them.
        let batch = (0...roll(4)).map { _ in pick(waiting) }
        try push(batch, isAnswerLost: roll(4) == 0)
    }

    private func push(_ batch: [(user: Name, scope: Name)], isAnswerLost: Bool) throws {
        var sent: [[Edit]] = []
        let requests = try batch.map { user, scope in
            let part = Array((queues[user]?[scope] ?? []).prefix(1 + roll(5)))
            sent.append(part)
            let mutations = part.map { edit in
                #"{"id":"\#(edit.id)","name":"\#(edit.name)","args":\#(edit.args)}"#
            }
            let body = """
                {"scope":"\(scope)","client":"of \(user)",\
                "mutations":[\(mutations.joined(separator: ","))]}
                """
            var request = try PushRequest.parse(ByteSlice(body), limits: harness.limits)
            request.user = user
            return request
        }
        let answers = try harness.commit(requests)
        try enterFeed()
        guard !isAnswerLost else { return }
        for (index, answer) in answers.enumerated() {
            let (user, scope) = batch[index]
            switch answer {
            case .failure(let refusal):
                guard refusal.code == "scope_denied" else {
                    hold(refusal.code == "unavailable", "\(refusal)")
                    continue
                }
                tally.denied += 1
                for edit in queues[user]?[scope] ?? [] { decide(edit.id, .setAside) }
                queues[user]?[scope] = []
            case .success(let results):
                try take(results, sent[index], user, scope)
            }
        }
    }

    private func take(
        _ answer: JSONValue, _ sent: [Edit], _ user: Name, _ scope: Name
    ) throws {
        let results = Array(try #require(answer.member("results")).elements)
        hold(results.count == sent.count, "a result for each mutation")
        for (edit, result) in zip(sent, results) {
            hold(result.string("id") == edit.id, "results in order")
            if result.bool("retry") == true {
                tally.keptForLater += 1
                continue
            }
            if result.bool("duplicate") == true { tally.duplicates += 1 }
            decide(edit.id, result.bool("ok") == true ? .applied : .refused)
            queues[user]?[scope]?.removeAll { $0.id == edit.id }
        }
    }

    private func decide(_ id: String, _ fate: Fate) {
        // The same edit twice in one batch: the second answer tells it again.
        if let known = fates[id], known != fate, known != .setAside {
            hold(fate == .setAside, "\(id) was \(known), and is \(fate)")
            return
        }
        fates[id] = fate
    }
}

// MARK: What the server does and suffers

extension PeopleSchedule {
    private func serverActs() throws {
        let (user, scope) = (pick(Self.users), pick(Self.shared))
        let id = "server\(harness.people)"
        harness.people += 1
        let (name, args): (String, String) =
            roll(2) == 0
            ? ("mizu.test.remove", #"{"user":"\#(user)","scopes":["s","t"]}"#)
            : ("person.grant", #"{"user":"\#(user)","role":"owner"}"#)
        let target: Name = name == "mizu.test.remove" ? .internal("test") : scope
        edits[id] = Edit(id: id, user: "server", scope: target, name: name, args: args)
        fates[id] = .applied
        let code = try harness.serve(
            try #require(Name(name)), args, in: target, id: try #require(Name(id)))
        hold(code == "ok", "the server was refused: \(code)")
        try enterFeed()
    }

    private func reopen() throws {
        harness.close()
        let faults = faults
        try harness.open { FailingStore($0, faults) }
    }

    private func restart() throws {
        if roll(2) == 0 {
            // Killed: nothing was written behind what was acknowledged.
            try harness.backing.catchKilled()
            harness.close()
            try harness.backing.leaveKilled()
            tally.kills += 1
        }
        try reopen()
        try judgeState()
    }

    private func failCommit() throws {
        faults.place = pick([.commit, .append, .setOutcome])
        faults.kind = faults.place == .commit ? .unavailable : .statement
        tally.failedCommits += 1
        try pushSome()
        (faults.place, faults.kind) = (.nowhere, .unavailable)
    }
}

// MARK: The book

extension PeopleSchedule {
    /// Reads what a commit has added to each log, and asks of each mutation whether its author had
    /// the right where it stands.
    private func enterFeed() throws {
        for changes in try #require(harness.lastResult).feed {
            var book = books[changes.scope] ?? Book()
            let before = book.roles
            hold(changes.base.cursor == book.cursor, "\(changes.scope): a gap")
            let text = "[" + changes.bytes.string + "]"
            var mutation: [JSONValue] = []
            for change in try JSON.parse(ByteSlice(text)).elements {
                hold(change.string("scope").map { Name($0) } == changes.scope, "another scope")
                if let last = mutation.last?.string("mutation"), last != change.string("mutation") {
                    try enter(mutation, changes.scope, &book)
                    mutation = []
                }
                mutation.append(change)
                book.cursor += 1
            }
            try enter(mutation, changes.scope, &book)
            hold(book.cursor == changes.head.cursor, "\(changes.scope): the head is elsewhere")
            judge(changes.lostRights, before, book.roles)
            books[changes.scope] = book
        }
    }

    private func judge(
        _ lost: [RightsChange], _ before: [Name: String], _ after: [Name: String]
    ) {
        func right(_ role: String?) -> Right? { role.flatMap { Harness.roles.right(of: $0) } }
        let expected = before.keys.filter { user in
            (right(after[user])?.rawValue ?? -1) < (right(before[user])?.rawValue ?? -1)
        }
        tally.lostRights += lost.count
        let told = lost.map { "\($0.user) \($0.after.map { "\($0)" } ?? "")" }.sorted()
        let wanted = expected.map { user in
            "\(user) \(right(after[user]).map { "\($0)" } ?? "")"
        }.sorted()
        hold(told == wanted, "rights lost: \(told), not \(wanted)")
    }

    private func enter(_ changes: [JSONValue], _ scope: Name, _ book: inout Book) throws {
        guard let id = changes.first?.string("mutation"), let edit = edits[id] else {
            return hold(changes.isEmpty, "\(scope): a mutation of nobody")
        }
        hold(!book.mutations.contains(id), "\(id) was applied twice in \(scope)")
        if scope.userOfScope == nil { hold(isAllowed(edit, changes, book), "\(edit) in \(scope)") }
        book.mutations.append(id)
        for change in changes {
            let user = Name(change.string("id") ?? "") ?? "_"
            guard change.string("entity") == "mizu.grant" else {
                if edit.name == "note.add" { book.adds[user.string, default: 0] += 1 }
                continue
            }
            book.roles[user] = change.member("data")?.string("role")
        }
        if edit.name == "mizu.invitation.accept", edit.scope != scope { tally.accepted += 1 }
        if edit.name == "mizu.scope.leave", edit.scope != scope { tally.left += 1 }
        tally.applied += 1
    }

    /// Whether the author had the right before the mutation's first change.
    private func isAllowed(_ edit: Edit, _ changes: [JSONValue], _ book: Book) -> Bool {
        let isOfGrants = changes.contains { $0.string("entity") == "mizu.grant" }
        let right = book.roles[edit.user].flatMap { Harness.roles.right(of: $0) }
        switch edit.name {
        case "mizu.invitation.accept", "mizu.scope.leave":
            return changes.allSatisfy { change in
                change.string("entity") == "mizu.invitation"
                    || change.string("id") == edit.user.string
            }
        case _ where edit.user == "server": return true
        case _ where book.mutations.isEmpty:
            return changes.first?.string("id") == edit.user.string && isOfGrants
        case "person.revoke":
            return right == .manage
                || (right == .write && changes.first?.string("id") == edit.user.string)
        case "person.grant", "person.invite": return right == .manage
        default: return right.map { $0 >= .write } ?? false && !isOfGrants
        }
    }

    /// The lists of users are the grants, the records are the log, and all is counted right.
    private func judgeState() throws {
        for scope in Self.shared {
            let roles = try harness.roles(of: scope)
            let known = books[scope]?.roles ?? [:]
            hold(
                roles == Dictionary(uniqueKeysWithValues: known.map { ($0.key.string, $0.value) }),
                "\(scope): grants \(roles), not \(known)")
            for (id, count) in books[scope]?.adds ?? [:] {
                let note = try harness.records("note", in: scope)[id] ?? ""
                hold(note.contains("\"count\":\(count)"), "\(scope): \(note), not \(count) times")
            }
            try harness.checkSums(of: scope)
        }
        for user in Self.users {
            var expected: [String: String] = [:]
            for scope in Self.shared { expected[scope.string] = books[scope]?.roles[user] }
            let scopes = try harness.scopes(of: user)
            hold(scopes == expected, "\(user): list \(scopes), not \(expected)")
            if let own = Name.userScope(of: user) { try harness.checkSums(of: own) }
        }
        try harness.checkSums(of: .internal("test"))
    }

    private func judge() throws {
        try judgeState()
        let logged = Set(books.values.flatMap(\.mutations))
        for edit in edits.values {
            switch fates[edit.id] {
            case nil: hold(false, "\(edit) is lost")
            case .refused, .setAside:
                hold(!logged.contains(edit.id), "\(edit) was not applied, and is in the log")
                if fates[edit.id] == .refused { tally.refused += 1 }
            case .applied:
                let changes = edit.name == "note.add" || edit.name == "person.invite"
                hold(!changes || logged.contains(edit.id), "\(edit) was applied and is not there")
            }
        }
    }
}
