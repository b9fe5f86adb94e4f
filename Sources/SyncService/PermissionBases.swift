// What the permissions of a worker's subscriptions stood on, so that they are asked for again when
// that changes: the scopes whose records or grants a decision looked at. Subscriptions that stood
// on the same have one entry, and a number of four bytes each; those that stood on nothing have
// none. Confined to its worker.

import MizuSync

struct PermissionBases {
    /// What a change of which moves a decision.
    enum Cause: Hashable {
        case records(Name)
        case grants(Name)
    }

    /// Names an entry; 0 where a permission stood on nothing.
    typealias ID = UInt32

    private struct Basis {
        let causes: [Cause]
        var count = 0
    }

    /// By `ID - 1`.
    private var bases: [Basis?] = []
    private var free: [ID] = []
    private var ids: [[Cause]: ID] = [:]
    private var dependents: [Cause: Set<ID>] = [:]

    var isEmpty: Bool { ids.isEmpty }
    var count: Int { ids.count }

    /// The entry for a subscription that was permitted by `pass`; to be released when it ends.
    mutating func take(_ pass: AccessPass) -> ID {
        guard !pass.seen.isEmpty else { return 0 }
        var causes: [Cause] = []
        for what in pass.seen {
            let cause: Cause =
                switch what {
                case .records(let scope, _), .unwritten(let scope): .records(scope)
                case .grant(let scope, _), .sharedGrant(let scope, _, _): .grants(scope)
                }
            if !causes.contains(cause) { causes.append(cause) }
        }
        let id = ids[causes] ?? add(causes)
        bases[Int(id) - 1]?.count += 1
        return id
    }

    private mutating func add(_ causes: [Cause]) -> ID {
        let id: ID
        if let reused = free.popLast() {
            id = reused
            bases[Int(id) - 1] = Basis(causes: causes)
        } else {
            bases.append(Basis(causes: causes))
            id = ID(bases.count)
        }
        ids[causes] = id
        for cause in causes { dependents[cause, default: []].insert(id) }
        return id
    }

    /// A subscription has ended, or stands on something else.
    mutating func release(_ id: ID) {
        guard id > 0, Int(id) <= bases.count, var basis = bases[Int(id) - 1] else { return }
        basis.count -= 1
        guard basis.count <= 0 else {
            bases[Int(id) - 1] = basis
            return
        }
        bases[Int(id) - 1] = nil
        free.append(id)
        ids[basis.causes] = nil
        for cause in basis.causes {
            dependents[cause]?.remove(id)
            if dependents[cause]?.isEmpty == true { dependents[cause] = nil }
        }
    }

    /// Whether a subscription here stands on something of the scope.
    func stand(on scope: Name) -> Bool {
        dependents[.records(scope)] != nil || dependents[.grants(scope)] != nil
    }

    /// Entries that stand on it.
    func touched(by cause: Cause) -> Set<ID> { dependents[cause] ?? [] }
}
