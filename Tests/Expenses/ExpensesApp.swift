// A whole app with people, as the guides have one write it: households share expenses. A household
// is a scope; who is in it, and as what, are grants in its own log; a person may be in several.
// Rows of a bank come by a job, card payments by a webhook. `expenses.js` is its page's script.

import Mizu

struct Expense: Codable, Sendable {
    /// The payer is a user, `bank` or `card`; the day is RFC 3339, and its month is where it counts.
    var id, title, payer, day: String
    var cents: Int
    var month: String { String(day.prefix(7)) }
}

/// What a household spent in a month, kept beside its expenses in the same transaction.
struct Total: Codable, Sendable, Equatable {
    var cents = 0
    var byPayer: [String: Int] = [:]
}

struct ExpenseMutator: Mutator {
    struct Change: Codable {
        var id: String
        var title, day, payer: String?
        var cents: Int?
    }

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "expense.add": try add(mutation, &store)
        case "expense.delete":
            let args: Change = try mutation.args.decode()
            guard let old = try store.get("expense", id: args.id, as: Expense.self)
            else { throw .notFound }
            // A member deletes what is their own; owners, and the server, delete everything.
            let user = mutation.user?.string ?? old.payer
            guard mutation.role == "owner" || user == old.payer else { throw .forbidden }
            try store.delete("expense", id: old.id)
            try count(old, -1, &store)
        case "member.invite":
            let args: [String: String] = try mutation.args.decode()
            try store.invite(
                key: args["key"] ?? "", role: args["role"] ?? "member",
                untilMilliseconds: mutation.timeMilliseconds + 7 * 86_400_000)
        case "member.remove":
            let args: [String: Name] = try mutation.args.decode()
            guard let user = args["user"] else { throw .invalid("user: who is it?") }
            try store.revoke(user)
        default: throw .unknownMutation
        }
    }

    private func add(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        let args: Change = try mutation.args.decode()
        guard let cents = args.cents, (1...100_000_000).contains(cents) else {
            throw .invalid("cents: 1 to 100000000")
        }
        // Only the server says whose an expense is; others add their own.
        let payer = mutation.user?.string ?? args.payer ?? "bank"
        let expense = Expense(
            id: args.id, title: args.title ?? "", payer: payer, day: args.day ?? mutation.time,
            cents: cents)
        guard !expense.title.isEmpty else { throw .invalid("title: an expense has one") }
        try store.create("expense", id: expense.id, expense)
        try count(expense, 1, &store)
    }

    private func count(
        _ expense: Expense, _ sign: Int, _ store: inout Transaction
    ) throws(Rejection) {
        var total = try store.get("total", id: expense.month, as: Total.self) ?? Total()
        total.cents += sign * expense.cents
        total.byPayer[expense.payer, default: 0] += sign * expense.cents
        if total.byPayer[expense.payer] == 0 { total.byPayer[expense.payer] = nil }
        try store.put("total", id: expense.month, total)
    }
}

/// - Parameter bank: the rows that the bank has for each household, asked for once an hour.
func makeExpenses(
    _ configuration: Configuration, assets: Assets, secret: String,
    bank: @escaping @Sendable () async throws -> [String: String] = { [:] }
) throws -> App {
    let app = try App(configuration, assets: assets)
    let views = try app.views()
    let roles = Roles(["owner": .manage, "member": .write, "guest": .read], creator: "owner")
    let sync = try app.sync(ExpenseMutator(), roles: roles)
    try app.accounts(sync) { $0.title = "Expenses" }
    app.every(.hours(1), "bank") {
        for (name, rows) in try await bank() { try await importRows(rows, into: name, sync) }
    }
    let pages = ExpensePages(views: views, sync: sync)
    app.files("/static", from: "static")
    app.get("/h/:household") { request in try pages.household(request) }
    app.post("/h/:household") { request in try pages.add(request) }
    app.post("/h/:household/invite") { request in try pages.invite(request) }
    app.post("/join/:household/:token") { request in try pages.join(request) }
    // A card company tells of payments: a JSON object, and in a field what proves that it is theirs.
    app.post("/card/:household") { (request: OwnedRequest) async throws -> Response in
        struct Payment: Decodable {
            var id, shop: String
            var cents: Int
        }
        let body = request.bodySlice().array
        let code = SHA256.authenticationCode(of: body, key: Array(secret.utf8))
        let proof = Hex.decode(Array((request.header("X-Signature") ?? "").utf8)) ?? []
        guard ConstantTime.equal(code.bytes, proof) else {
            throw HTTPError(.unauthorized, code: "unauthenticated", message: "no such signature")
        }
        let payment: Payment = try JSON.parse(ByteSlice(body)).decode()
        let household = try scope(request.parameter("household") ?? "")
        let intent = try imported("card", payment.id, payment.shop, payment.cents, day: nil)
        try await sync.push(as: .server, scope: household, [intent])
        return .status(.noContent)
    }
    return app
}

struct ExpensePages: Sendable {
    let views: Views
    let sync: Sync

    func household(_ request: borrowing Request) throws -> Response {
        let (views, name) = (self.views, request.parameter("household") ?? "")
        return try sync.read(request, scope: try scope(name)) { snapshot in
            let expenses = try snapshot.page(of: "expense", after: nil)
            let totals = try snapshot.page(of: "total", after: nil)
            return views.render(
                "household",
                [
                    "household": .string(name), "expenses": .rows(expenses.records),
                    "totals": .rows(totals.records),
                    "id": .string(Intent.orderedID()?.string ?? ""),
                    "mutation": .string(Intent.freshID()?.string ?? ""),
                ])
        }
    }

    func add(_ request: borrowing Request) throws -> Response {
        let (form, name) = (try request.form(), request.parameter("household") ?? "")
        let arguments = ExpenseMutator.Change(
            id: form["id"] ?? "", title: form["title"], cents: Int(form["cents"] ?? ""))
        let intent = try Intent("expense.add", id: form["mutation"], arguments)
        return try push(request, [intent], to: try scope(name), then: "/h/\(name)")
    }

    /// Shows the link once: the log has but the hash of it.
    func invite(_ request: borrowing Request) throws -> Response {
        let (name, token) = (request.parameter("household") ?? "", Intent.freshID()?.string ?? "")
        let key = InvitationRecord.key(of: token)
        let intent = try Intent("member.invite", ["key": key, "role": "member"])
        return try sync.push(request, scope: try scope(name), [intent]) { outcomes in
            if let error = outcomes.first?.error { throw error }
            return .text("/join/\(name)/\(token)")
        }
    }

    func join(_ request: borrowing Request) throws -> Response {
        let name = request.parameter("household") ?? ""
        let token = request.parameter("token") ?? ""
        let intent = try Intent("mizu.invitation.accept", ["scope": name, "token": token])
        let own = try scope("user:\(request.user ?? "")")
        return try push(request, [intent], to: own, then: "/h/\(name)")
    }

    private func push(
        _ request: borrowing Request, _ intents: [Intent], to scope: Name, then path: String
    ) throws -> Response {
        try sync.push(request, scope: scope, intents) { outcomes in
            if let error = outcomes.compactMap(\.error).first { throw error }
            return .redirect(to: path)
        }
    }
}

func scope(_ name: String) throws -> Name {
    guard let name = Name(name) else {
        throw HTTPError(.notFound, code: "not_found", message: "there is no such household")
    }
    return name
}

/// The import job: rows `DAY;TITLE;CENTS`. A row that was imported before is not imported again,
/// because its mutation has the same id each time.
func importRows(_ text: String, into household: String, _ sync: Sync) async throws {
    let intents = try text.split(separator: "\n").compactMap { row -> Intent? in
        let parts = row.split(separator: ";").map(String.init)
        guard parts.count == 3, let cents = Int(parts[2]) else { return nil }
        return try imported("bank", String(row), parts[1], cents, day: parts[0])
    }
    try await sync.push(as: .server, scope: try scope(household), intents)
}

func imported(
    _ payer: String, _ key: String, _ title: String, _ cents: Int, day: String?
) throws -> Intent {
    let id = SHA256.digest(payer + ":" + key).hex
    let arguments = ExpenseMutator.Change(
        id: id, title: title, day: day, payer: payer, cents: cents)
    return try Intent("expense.add", id: id, arguments)
}
