// The records of one scope as one mutation sees and changes them. What it writes is kept here,
// beside the source it reads from, and reaches the store only when the mutator has returned: a
// refused mutation has nothing to undo, whatever it did before. Each write is at once a record's
// new state and a change of the log, so neither can be forgotten.
// Confined to the call of `Mutator.apply`: it cannot be copied, so it cannot be kept.

import MizuBytes

/// One durable effect on one record, without its cursor.
public struct RecordChange: Sendable {
    public enum Operation: Hashable, Sendable { case create, update, delete }

    public let key: RecordKey
    public let operation: Operation
    /// The whole record after it; nil for `delete`. Once the change stands in a log, a slice of
    /// that.
    public internal(set) var json: ByteSlice?
    /// What the source had under this key before the mutation; nil for nothing.
    public let replaced: StoredRecord?
}

/// What a mutator reads and writes: the records of the mutation's scope, and who may use it.
///
/// The framework's own mutations reach other scopes, too (Transaction+Scopes.swift). What a
/// mutation writes to several scopes becomes durable together; limits are over all of it.
public struct Transaction: ~Copyable {
    private let source: any RecordSource
    let limits: SyncLimits
    /// Of a change of the mutation's own scope.
    private let changeOverhead: Int
    let authority: PushAuthority
    /// Nil where the app has none.
    let roles: Roles?
    /// When the mutation is applied; nil: nobody has said.
    var timeMilliseconds: Int64?
    /// Whether this is a mutation of the framework's, which may write anything anywhere.
    var isFramework = false
    /// What is written so far to the mutation's scope, and to others.
    private var own: ScopeWrites
    private var others: [ScopeWrites] = []
    /// Who has another role now, in order.
    var rights: [UserRights] = []
    /// Changes of all scopes.
    private var changeCount = 0
    private var changeBytes = 0
    /// A stored record that could not be read, and what was thrown because of it.
    private var unreadable: (told: Rejection, accident: StoreError)?
    /// What ends the mutation even if the mutator catches the error that told it.
    private var ending: Ending?

    var scope: Name { own.scope }

    /// Why a mutation cannot commit, whatever its mutator says.
    public enum Ending: Error, Sendable {
        case limit(Rejection)
        case accident(StoreError)
    }

    /// Which of the scopes that a mutation has to do with.
    enum Target {
        case own
        /// A place in `others`.
        case other(Int)
    }

    /// - Parameters:
    ///   - source: where records are read that this mutation has not written.
    ///   - changeOverhead: bytes of a change's JSON beside data, entity and id.
    ///   - authority: who makes the mutation.
    ///   - roles: the app's, without which nobody can be granted anything.
    public init(
        over source: any RecordSource, scope: Name, limits: SyncLimits, changeOverhead: Int = 160,
        by authority: PushAuthority = .server, roles: Roles? = nil
    ) {
        self.source = source
        own = ScopeWrites(scope)
        self.limits = limits
        self.changeOverhead = changeOverhead
        self.authority = authority
        self.roles = roles
    }

    /// Hands over what was written to the mutation's scope, in order.
    /// - Throws: what ended the mutation, even if the mutator swallowed the error.
    public consuming func finish() throws(Ending) -> [RecordChange] {
        var changes = try finishSharing().changes
        // A copy of its own: a slice of the arguments would keep the whole request alive.
        for index in changes.indices { changes[index].json = changes[index].json?.compacted }
        return changes
    }

    /// All that was written, but records may be slices of the mutation's arguments, and keep them
    /// alive.
    consuming func finishSharing() throws(Ending) -> MutationWrites {
        if let ending { throw ending }
        return MutationWrites(changes: own.changes, others: others, rights: rights)
    }

    /// The accident behind what a mutator threw; nil where it refuses the mutation for reasons of
    /// its own. A mutator that catches the error, and can do with a record in another form, meets
    /// no accident.
    public func accident(behind thrown: Rejection) -> StoreError? {
        unreadable?.told == thrown ? unreadable?.accident : nil
    }
}

// MARK: Reading

extension Transaction {
    /// The record as it is now, this mutation's own writes included; nil if there is none.
    public mutating func get(_ entity: Name, id: String) throws(Rejection) -> JSONValue? {
        try get(entity, id: id, at: .own)
    }

    mutating func get(
        _ entity: Name, id: String, at target: Target
    ) throws(Rejection) -> JSONValue? {
        guard let id = Name(id) else { return nil }
        let key = RecordKey(entity: entity, id: id)
        if let written = lastChange(of: key, at: target) {
            return written.json.map(JSONValue.init(validated:))
        }
        return try stored(key, at: target).map { JSONValue(validated: $0.json) }
    }

    /// The same, decoded.
    /// - Throws: where the record is not a `T`. Let it out of the mutator: that is no fault of the
    ///   mutation, which is then not decided (`internal_error`, to be tried again) and logged.
    public mutating func get<T: Decodable>(
        _ entity: Name, id: String, as type: T.Type
    ) throws(Rejection) -> T? {
        guard let value = try get(entity, id: id) else { return nil }
        return try decode(value, of: entity, id: id)
    }

    private mutating func decode<T: Decodable>(
        _ value: JSONValue, of entity: Name, id: String
    ) throws(Rejection) -> T {
        do {
            return try value.decode(T.self)
        } catch {
            let message = "the record \(entity) \(id) of the scope \(scope) cannot be read as "
            let told = Rejection(
                code: "internal_error", message: "the record \(entity) \(id) cannot be read")
            unreadable = (
                told, StoreError(.statement, message + "\(T.self): \(error.reason)")
            )
            throw told
        }
    }

    /// All records of an entity in the order of their ids. O(n): for small sets.
    public mutating func list(_ entity: Name) throws(Rejection) -> [(id: Name, record: JSONValue)] {
        try list(entity, at: .own)
    }

    mutating func list(
        _ entity: Name, at target: Target
    ) throws(Rejection) -> [(id: Name, record: JSONValue)] {
        var found: [(id: Name, record: JSONValue)] = []
        // What this mutation wrote is put in below, as it is now.
        var written: [Name: ByteSlice?] = [:]
        for change in changes(at: target) where change.key.entity == entity {
            written[change.key.id] = .some(change.json)
        }
        try reading(at: target) { (source, scope) throws(StoreError) in
            try source.visitRecords(of: entity, in: scope) { id, json in
                if written.isEmpty || written[id] == nil {
                    found.append((id, JSONValue(validated: json)))
                }
                return .next
            }
        }
        guard !written.isEmpty else { return found }
        for (id, json) in written {
            if let json { found.append((id, JSONValue(validated: json))) }
        }
        return found.sorted { $0.id < $1.id }
    }

    /// The same, decoded.
    /// - Throws: where one of the records is not a `T`; as `get`.
    public mutating func list<T: Decodable>(
        _ entity: Name, as type: T.Type
    ) throws(Rejection) -> [(id: Name, record: T)] {
        var found: [(id: Name, record: T)] = []
        for (id, value) in try list(entity) {
            found.append((id, try decode(value, of: entity, id: id.string)))
        }
        return found
    }

    private mutating func stored(
        _ key: RecordKey, at target: Target
    ) throws(Rejection) -> StoredRecord? {
        try reading(at: target) { (source, scope) throws(StoreError) in
            try source.storedRecord(key, in: scope)
        }
    }

    /// What stands under a key before a write.
    private struct Place {
        let key: RecordKey
        /// Whether there is such a record now.
        let isTaken: Bool
        /// What the source has there.
        let replaced: StoredRecord?
    }

    /// Looks before each write, so that what is to be replaced is known without a second look.
    private mutating func place(
        _ entity: Name, _ id: String, at target: Target
    ) throws(Rejection) -> Place {
        guard let id = Name(id) else {
            throw .invalid(
                "an id has 1 to \(Name.bytesMax) bytes and no control characters")
        }
        let key = RecordKey(entity: entity, id: id)
        if let written = lastChange(of: key, at: target) {
            return Place(key: key, isTaken: written.json != nil, replaced: written.replaced)
        }
        let stored = try stored(key, at: target)
        return Place(key: key, isTaken: stored != nil, replaced: stored)
    }

    /// Reads from the store. A failure ends the mutation: what a mutator would decide without the
    /// answer must not become durable.
    private mutating func reading<R>(
        at target: Target, _ body: (any RecordSource, Name) throws(StoreError) -> R
    ) throws(Rejection) -> R {
        do {
            return try body(source, scope(at: target))
        } catch {
            if ending == nil { ending = .accident(error) }
            throw Rejection(code: "unavailable", message: "the store cannot be read")
        }
    }
}

// MARK: Scopes

extension Transaction {
    /// Where the writes to a scope are kept.
    mutating func target(_ scope: Name) -> Target {
        if scope == own.scope { return .own }
        if let known = others.firstIndex(where: { $0.scope == scope }) { return .other(known) }
        others.append(ScopeWrites(scope))
        return .other(others.count - 1)
    }

    private func scope(at target: Target) -> Name {
        switch target {
        case .own: own.scope
        case .other(let index): others[index].scope
        }
    }

    private func changes(at target: Target) -> [RecordChange] {
        switch target {
        case .own: own.changes
        case .other(let index): others[index].changes
        }
    }

    private func lastChange(of key: RecordKey, at target: Target) -> RecordChange? {
        switch target {
        case .own: own.lastChange(of: key)
        case .other(let index): others[index].lastChange(of: key)
        }
    }
}

// MARK: Writing

extension Transaction {
    /// Writes a new record.
    /// - Throws: `conflict` where it exists; `invalid_mutation` where `id` is no name or the record
    ///   no JSON object; `too_large`.
    public mutating func create(
        _ entity: Name, id: String, _ record: some Encodable
    ) throws(Rejection) {
        try create(entity, id: id, json: encoded(record))
    }

    public mutating func create(
        _ entity: Name, id: String, json: JSONValue
    ) throws(Rejection) {
        try admit(entity)
        let place = try place(entity, id, at: .own)
        guard !place.isTaken else {
            throw Rejection(code: Rejection.conflict.code, message: "\(entity) \(id) exists")
        }
        try record(.create, at: place, json, in: .own)
    }

    /// Replaces a whole record.
    /// - Throws: `not_found` where there is none; else as `create`.
    public mutating func update(
        _ entity: Name, id: String, _ record: some Encodable
    ) throws(Rejection) {
        try update(entity, id: id, json: encoded(record))
    }

    public mutating func update(
        _ entity: Name, id: String, json: JSONValue
    ) throws(Rejection) {
        try admit(entity)
        let place = try place(entity, id, at: .own)
        guard place.isTaken else { throw missing(place.key) }
        try record(.update, at: place, json, in: .own)
    }

    /// Creates the record or replaces it.
    public mutating func put(
        _ entity: Name, id: String, _ record: some Encodable
    ) throws(Rejection) {
        try put(entity, id: id, json: encoded(record))
    }

    public mutating func put(
        _ entity: Name, id: String, json: JSONValue
    ) throws(Rejection) {
        try admit(entity)
        try write(entity, id: id, json, at: .own)
    }

    /// Removes a record.
    /// - Throws: `not_found` where there is none.
    public mutating func delete(_ entity: Name, id: String) throws(Rejection) {
        try admit(entity)
        try write(entity, id: id, nil, at: .own)
    }

    /// What is the framework's an app reads only: nobody gives themselves a role.
    private func admit(_ entity: Name) throws(Rejection) {
        guard isFramework || !entity.isReserved else {
            throw Rejection(
                code: Rejection.forbidden.code, message: "\(entity) is not written by an app")
        }
    }

    /// Creates the record or replaces it, or removes it where `json` is nil. Asks nobody whether
    /// that is allowed.
    mutating func write(
        _ entity: Name, id: String, _ json: JSONValue?, at target: Target
    ) throws(Rejection) {
        let place = try place(entity, id, at: target)
        guard let json else {
            guard place.isTaken else { throw missing(place.key) }
            return try record(.delete, at: place, nil, in: target)
        }
        try record(place.isTaken ? .update : .create, at: place, json, in: target)
    }

    private func missing(_ key: RecordKey) -> Rejection {
        Rejection(code: Rejection.notFound.code, message: "no \(key.entity) \(key.id)")
    }

    func encoded(_ record: some Encodable) throws(Rejection) -> JSONValue {
        do {
            return JSONValue(validated: try JSONEncoding.encode(record))
        } catch {
            throw .invalid("the record cannot be written as JSON")
        }
    }

    /// The one place that writes: record and change together, or neither.
    private mutating func record(
        _ operation: RecordChange.Operation, at place: Place, _ value: JSONValue?,
        in target: Target
    ) throws(Rejection) {
        let key = place.key
        guard value == nil || value?.kind == .object else {
            throw .invalid("a record is a JSON object")
        }
        var size = (value?.bytes.count ?? 0) + key.entity.bytes.count + key.id.bytes.count
        size += changeOverhead
        if case .other(let index) = target {
            size += others[index].scope.bytes.count - own.scope.bytes.count
        }
        if let value, value.bytes.count > limits.recordBytesMax {
            throw tooLarge("a record has at most \(limits.recordBytesMax) bytes")
        }
        guard changeCount < limits.mutationChangesMax else {
            throw tooLarge("a mutation makes at most \(limits.mutationChangesMax) changes")
        }
        guard changeBytes + size <= limits.mutationBytesMax else {
            throw tooLarge("a mutation's changes have at most \(limits.mutationBytesMax) bytes")
        }
        changeCount += 1
        changeBytes += size
        let change = RecordChange(
            key: key, operation: operation, json: value?.bytes, replaced: place.replaced)
        switch target {
        case .own: own.append(change)
        case .other(let index): others[index].append(change)
        }
    }

    /// A limit is no conflict that a mutator may catch and go round: it ends the mutation.
    private mutating func tooLarge(_ message: String) -> Rejection {
        let rejection = Rejection.tooLarge(message)
        if ending == nil { ending = .limit(rejection) }
        return rejection
    }
}
