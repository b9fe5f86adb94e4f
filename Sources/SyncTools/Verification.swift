// Verifies a whole database, scope by scope, with bounded memory: one scope's hashes at a time
// (ScopeVerifier). What belongs to no one scope is checked here: SQLite's pages and indexes, the
// sums of accounts, the count of all outcomes. Stops at the first fault.

import MizuBytes
import MizuSync
import MizuSyncSQLite

/// What verifying came to.
package struct VerificationReport: Sendable {
    package var tally = VerifiedTally()
    /// Nil where everything fits.
    package var fault: VerificationFault?
}

package enum Verification {
    /// Looks at every row of `database`. Blocks; O(rows).
    /// - Parameter progress: is told what was verified so far, after each scope.
    package static func run(
        _ database: InspectedDatabase, progress: (VerifiedTally) -> Void = { _ in }
    ) -> VerificationReport {
        var report = VerificationReport()
        do throws(VerificationFault) {
            try pages(of: database)
            var accounts: [Account: AccountState] = [:]
            try scopes(of: database, &report, &accounts, progress)
            try sums(of: database, &report, accounts)
        } catch {
            report.fault = error
        }
        return report
    }

    private static func pages(of database: InspectedDatabase) throws(VerificationFault) {
        let found = try reading(nil) { () throws(StoreError) in try database.integrityFault() }
        if let found {
            throw VerificationFault(scope: nil, place: "SQLite's integrity_check", message: found)
        }
        let stray = try reading(nil) { () throws(StoreError) in try database.stray() }
        if let stray {
            throw VerificationFault(scope: nil, place: stray, message: "there is no such scope")
        }
        do throws(StoreError) {
            try database.sortOutcomes()
        } catch {
            throw VerificationFault(scope: nil, place: "outcomes", message: error.message)
        }
    }

    private static func scopes(
        of database: InspectedDatabase, _ report: inout VerificationReport,
        _ accounts: inout [Account: AccountState], _ progress: (VerifiedTally) -> Void
    ) throws(VerificationFault) {
        let seed = UInt64.random(in: .min ... .max)
        var fault: VerificationFault?
        try reading(nil) { () throws(StoreError) in
            try database.visitScopes { (scope) throws(StoreError) in
                do throws(VerificationFault) {
                    let state = try reading(scope) { () throws(StoreError) in
                        try database.state(of: scope)
                    }
                    var verifier = ScopeVerifier(scope: scope, state: state, seed: seed)
                    defer { report.tally.add(verifier.tally) }
                    try feed(&verifier, from: database)
                    report.tally.scopeCount += 1
                    if let state { add(state, to: &accounts) }
                } catch {
                    fault = error
                    return .stop
                }
                progress(report.tally)
                return .next
            }
        }
        if let fault { throw fault }
    }

    /// Everything of one scope, in the order that the verifier wants.
    private static func feed(
        _ verifier: inout ScopeVerifier, from database: InspectedDatabase
    ) throws(VerificationFault) {
        let scope = verifier.scope
        try verifier.begin()
        try visiting(scope, &verifier) { (take) throws(StoreError) in
            try database.visitEpochs(of: scope) { first, epoch in
                take { (verifier) throws(VerificationFault) in
                    try verifier.take(epoch: epoch, from: first)
                }
            }
        }
        try visiting(scope, &verifier) { (take) throws(StoreError) in
            try database.visitLog(of: scope) { entry in
                take { (verifier) throws(VerificationFault) in try verifier.take(entry) }
            }
        }
        try verifier.endLog()
        try visiting(scope, &verifier) { (take) throws(StoreError) in
            try database.visitRecords(in: scope) { key, record in
                take { (verifier) throws(VerificationFault) in try verifier.take(key, record) }
            }
        }
        try verifier.endRecords()
        try visiting(scope, &verifier) { (take) throws(StoreError) in
            try database.visitClients(of: scope) { client, state in
                take { (verifier) throws(VerificationFault) in
                    try verifier.take(client: client, state)
                }
            }
        }
        try visiting(scope, &verifier) { (take) throws(StoreError) in
            try database.visitOutcomes(in: scope) { mutation, outcome in
                take { (verifier) throws(VerificationFault) in
                    try verifier.take(outcome, of: mutation)
                }
            }
        }
    }

    // MARK: Sums over scopes

    private static func add(_ state: ScopeState, to accounts: inout [Account: AccountState]) {
        guard let owner = state.owner else { return }
        var sum = accounts[owner] ?? .none
        sum.scopeCount += 1
        sum.byteCount &+= state.byteCount
        accounts[owner] = sum
    }

    private static func sums(
        of database: InspectedDatabase, _ report: inout VerificationReport,
        _ accounts: [Account: AccountState]
    ) throws(VerificationFault) {
        var accounts = accounts
        var fault: VerificationFault?
        var count = 0
        try reading(nil) { () throws(StoreError) in
            try database.visitAccounts { account, stored in
                let sum = accounts.removeValue(forKey: account) ?? .none
                count += 1
                guard sum != stored else { return .next }
                fault = Self.fault(account, stored: stored, sum: sum)
                return .stop
            }
        }
        report.tally.accountCount = count
        if let fault { throw fault }
        if let (account, sum) = accounts.first(where: { $0.value != .none }) {
            throw Self.fault(account, stored: .none, sum: sum)
        }
        let totals = try reading(nil) { () throws(StoreError) in try database.totals() }
        let stored = totals?.outcomeCount ?? 0
        guard stored == report.tally.outcomeCount else {
            throw VerificationFault(
                scope: nil, place: "totals",
                message: "\(stored) outcomes are counted, \(report.tally.outcomeCount) there")
        }
    }

    private static func fault(
        _ account: Account, stored: AccountState, sum: AccountState
    ) -> VerificationFault {
        VerificationFault(
            scope: nil, place: "account \(account.text)",
            message: "\(stored.scopeCount) scopes of \(stored.byteCount) bytes are counted, "
                + "\(sum.scopeCount) of \(sum.byteCount) there")
    }

    // MARK: Faults from two sides

    /// What cannot be read is a fault, too.
    private static func reading<R>(
        _ scope: Name?, _ body: () throws(StoreError) -> R
    ) throws(VerificationFault) -> R {
        do throws(StoreError) {
            return try body()
        } catch {
            throw VerificationFault(scope: scope, place: "reading", message: error.message)
        }
    }

    /// Lets `verifier` take row after row, until one is a fault.
    private static func visiting(
        _ scope: Name, _ verifier: inout ScopeVerifier,
        _ visit: (
            (_ take: (inout ScopeVerifier) throws(VerificationFault) -> Void) -> Visit
        ) throws(StoreError) -> Void
    ) throws(VerificationFault) {
        var fault: VerificationFault?
        try reading(scope) { () throws(StoreError) in
            try visit { take in
                do throws(VerificationFault) {
                    try take(&verifier)
                    return .next
                } catch {
                    fault = error
                    return .stop
                }
            }
        }
        if let fault { throw fault }
    }
}

extension Account {
    /// For people: a user's name, or the hash of an address.
    package var text: String {
        let rest = bytes.dropFirst()
        return bytes.first == UInt8(ascii: "u")
            ? "user " + String(decoding: rest, as: UTF8.self)
            : "address " + String(decoding: Hex.encode(Array(rest)), as: UTF8.self)
    }
}
