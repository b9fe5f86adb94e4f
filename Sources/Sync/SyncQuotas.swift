// How much of the machine a scope and an account may have (protocol.md, `quota_exceeded`). Nil:
// as much as they like. What only removes or shrinks records is never refused, so whoever is at a
// limit can always get below it. The defaults keep a machine with 1 GB of memory and 25 GB of disk
// alive: a scope's log may take four times its records, so a full scope is 2.5 GB, and all that one
// address has is at most as much again.

import MizuBytes

/// Records, bytes and scopes, each up to and with the number.
public struct SyncQuotas: Sendable {
    /// Records of one scope.
    public var scopeRecords: Int? = 1_000_000
    /// Bytes of one scope's records: JSON, entities and ids.
    public var scopeBytes: Int? = 512 << 20
    /// Scopes that one user has made, ever.
    public var userScopes: Int? = 1_000
    /// Bytes of the records in them.
    public var userBytes: Int? = 512 << 20
    /// The same for an address, where nobody was signed in.
    public var addressScopes: Int? = 200
    public var addressBytes: Int? = 256 << 20

    public init() {}
}

/// What a mutation's changes add to a scope.
struct Growth {
    var records = 0
    var bytes = 0

    /// Of several writes to one record only the last stays.
    init(of changes: [RecordChange]) {
        guard changes.count > 1 else {
            if let change = changes.first { add(change) }
            return
        }
        var latest: [RecordKey: Int] = [:]
        for (index, change) in changes.enumerated() { latest[change.key] = index }
        for index in latest.values { add(changes[index]) }
    }

    private mutating func add(_ change: RecordChange) {
        if let replaced = change.replaced {
            records -= 1
            bytes -= StoredRecord.size(change.key, replaced.json)
        }
        if let json = change.json {
            records += 1
            bytes += StoredRecord.size(change.key, json)
        }
    }
}

extension StoredRecord {
    /// What a record counts in `ScopeState.byteCount`.
    package static func size(_ key: RecordKey, _ json: ByteSlice) -> Int {
        json.count + key.entity.bytes.count + key.id.bytes.count
    }
}

extension SyncQuotas {
    /// Why a scope may not grow so; nil if it may.
    func refusal(of growth: Growth, in state: ScopeState) -> Rejection? {
        if growth.records > 0, let scopeRecords, state.recordCount + growth.records > scopeRecords {
            return .quotaExceeded("a scope has at most \(scopeRecords) records")
        }
        if growth.bytes > 0, let scopeBytes, state.byteCount + growth.bytes > scopeBytes {
            return .quotaExceeded("a scope's records have at most \(scopeBytes) bytes")
        }
        return nil
    }

    /// Why an account may not have so much more; nil if it may.
    func refusal(
        of growth: Growth, newScopes: Int, by account: Account, _ state: AccountState
    ) -> Rejection? {
        let (scopes, bytes) =
            account.isUser ? (userScopes, userBytes) : (addressScopes, addressBytes)
        let whose = account.isUser ? "a user" : "an address"
        if newScopes > 0, let scopes, state.scopeCount + newScopes > scopes {
            return .quotaExceeded("\(whose) has at most \(scopes) scopes")
        }
        if growth.bytes > 0, let bytes, state.byteCount + growth.bytes > bytes {
            return .quotaExceeded("the records in \(whose)'s scopes have at most \(bytes) bytes")
        }
        return nil
    }
}
