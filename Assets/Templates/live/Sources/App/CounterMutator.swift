// What may happen to the counter. The same intent may come from the page's socket or from a plain
// form; it is applied here, once, whichever way it came.

import Mizu

/// The counter as it is stored and sent.
struct Counter: Codable, Sendable {
    var value: Int
}

struct CounterMutator: Mutator {
    static let entity: Name = "counter"
    static let id = "main"

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var by: Int }
        guard mutation.name == "counter.add" else { throw .unknownMutation }
        let arguments: Arguments = try mutation.args.decode()
        guard (-10...10).contains(arguments.by) else {
            throw .invalid("by: -10 to 10, not \(arguments.by)")
        }
        var counter = try store.get(Self.entity, id: Self.id, as: Counter.self) ?? Counter(value: 0)
        // Adding commutes: two who press at once are both counted, in whichever order.
        let (sum, isTooLarge) = counter.value.addingReportingOverflow(arguments.by)
        guard !isTooLarge else { throw .invalid("by: the counter can hold no more") }
        counter.value = sum
        try store.put(Self.entity, id: Self.id, counter)
    }
}
