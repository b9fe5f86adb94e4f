// The mutation that an import pushes: records to put, keys to delete. Pushed by the server itself
// and without a client; one of the framework's own, because a scope's grants are records of it.

import MizuBytes
import MizuSync

enum ImportMutator {
    private static let name: Name = "mizu.import"

    /// Makes the mutation known to an engine.
    static func register(in system: SystemMutations) {
        system.register(name, fromWire: false) { (mutation, store) throws(Rejection) in
            try apply(mutation, to: &store)
        }
    }

    private static func apply(
        _ mutation: Mutation, to store: inout Transaction
    ) throws(Rejection) {
        if let records = mutation.args.json.member("put")?.elements {
            for record in records {
                let (key, data) = (try key(of: record), record.member("data"))
                guard let data else { throw .invalid("data is missing") }
                try store.put(key.entity, id: key.id.string, json: data)
            }
        }
        if let records = mutation.args.json.member("delete")?.elements {
            for record in records {
                let key = try key(of: record)
                try store.delete(key.entity, id: key.id.string)
            }
        }
    }

    private static func key(of record: JSONValue) throws(Rejection) -> RecordKey {
        guard let entity = record.member("entity")?.utf8.flatMap({ Name($0) }),
            let id = record.member("id")?.utf8.flatMap({ Name($0) })
        else { throw .invalid("a record has no key") }
        return RecordKey(entity: entity, id: id)
    }

    /// Commits a batch as one mutation.
    /// - Parameter place: where its lines end, for people.
    static func commit(
        _ batch: [ImportLine], to scope: Name, by engine: SyncEngine, at place: String
    ) throws(ToolFailure) {
        var json = JSONWriter(capacity: batch.reduce(64) { $0 + $1.data.bytes.count + 96 })
        json.beginObject()
        json.key("put")
        json.beginArray()
        for line in batch {
            json.beginObject()
            write(line.key, to: &json)
            json.key("data")
            json.value(line.data)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        try push(json.finish(), to: scope, by: engine, at: place)
    }

    /// Deletes every record of the scope that is not among `keys`.
    /// - Returns: how many.
    static func removeOthers(
        than keys: ImportedKeys, of scope: Name, in store: any SyncStore, by engine: SyncEngine
    ) throws(ToolFailure) -> Int {
        var removed = 0
        var last: RecordKey?
        while true {
            var (others, seen) = ([RecordKey](), 0)
            try storing { () throws(StoreError) in
                try store.visitRecords(in: scope, after: last) { key, _ in
                    last = key
                    seen += 1
                    if !keys.contains(key) { others.append(key) }
                    return others.count < 500 && seen < 10_000 ? .next : .stop
                }
            }
            guard seen > 0 else { return removed }
            guard !others.isEmpty else { continue }
            var json = JSONWriter()
            json.beginObject()
            json.key("delete")
            json.beginArray()
            for key in others {
                json.beginObject()
                write(key, to: &json)
                json.endObject()
            }
            json.endArray()
            json.endObject()
            try push(json.finish(), to: scope, by: engine, at: "the records to remove")
            removed += others.count
        }
    }

    private static func write(_ key: RecordKey, to json: inout JSONWriter) {
        json.key("entity")
        json.string(key.entity.string)
        json.key("id")
        json.string(key.id.string)
    }

    private static func push(
        _ args: ByteSlice, to scope: Name, by engine: SyncEngine, at place: String
    ) throws(ToolFailure) {
        var random = SystemRandomNumberGenerator()
        let mutation = PushedMutation(
            id: Name.random(using: &random), name: name,
            args: Arguments(JSONValue(validated: args)))
        let result = engine.commit([
            PushRequest(scope: scope, mutations: [mutation], authority: .server)
        ])
        if let accident = result.accident { throw ToolFailure(accident) }
        guard case .success(let answer)? = result.answers.first,
            let decision = answer.results.first?.decision
        else { throw ToolFailure("\(place): the store cannot take writes now") }
        switch decision {
        case .applied: return
        case .refused(let rejection): throw ToolFailure("\(place): \(rejection.message)")
        default: throw ToolFailure("\(place): the store could not decide")
        }
    }
}
