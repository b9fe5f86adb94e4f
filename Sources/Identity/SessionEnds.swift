// Which sessions have ended lately, where several processes serve one store: each reads on from
// where it was, and closes the sockets that it has of them. So an end counts everywhere whether
// anybody tells of it or not. The last some thousands are kept; who was away for more knows that it
// has missed some. Records of `mizu:accounts`; of a session there is the hash of its token.
//
//   mizu.ended   id: number, 16 hex digits   which session       mizu.ends   id: "all"   how many
//
// Values; written in the transaction that ends the sessions.

import MizuBytes
import MizuSync

/// The ends of sessions, in the order in which they came.
public enum SessionEnds {
    static let ended: Name = "mizu.ended"
    static let ends: Name = "mizu.ends"
    private static let all = "all"

    /// How many are kept.
    public static let keptMax = 4_096

    struct Ended: Codable {
        var hash: String
    }

    struct Ends: Codable {
        /// The number of the last one.
        var last: Int64
        /// Of the first that is kept.
        var first: Int64
    }

    /// What has ended since somebody looked.
    public struct News: Sendable, Equatable {
        /// The number of the last one.
        public let last: Int64
        /// Public names of sessions.
        public let credentials: [String]
        /// Some are not kept any more.
        public let isAllThere: Bool
    }

    /// Notes sessions that end with this transaction.
    static func note(_ hashes: [String], _ store: inout Transaction) throws(Rejection) {
        guard !hashes.isEmpty else { return }
        let known = try store.get(ends, id: all, as: Ends.self)
        var numbers = known ?? Ends(last: 0, first: 1)
        for hash in hashes {
            numbers.last &+= 1
            try store.put(ended, id: id(numbers.last), Ended(hash: hash))
            // More than one only where there were more before; never many, whatever a store says.
            for _ in 0..<8 where numbers.last &- numbers.first >= Int64(keptMax) {
                let oldest = id(numbers.first)
                if try store.get(ended, id: oldest) != nil {
                    try store.delete(ended, id: oldest)
                }
                numbers.first &+= 1
            }
        }
        try store.put(ends, id: all, numbers)
    }

    /// Reads what has ended behind a number. On a reader's thread.
    /// - Parameter number: `News.last` of the time before; nil: all that is kept.
    public static func read(
        after number: Int64?, from reader: any SyncReader
    ) throws(StoreError) -> News {
        let key = RecordKey(entity: ends, id: "all")
        guard let json = try reader.record(key, in: AccountRecords.scope),
            let numbers = try? JSONValue(validated: json).decode(Ends.self)
        else { return News(last: number ?? 0, credentials: [], isAllThere: true) }
        let start = number ?? 0
        guard numbers.last > start else {
            return News(last: start, credentials: [], isAllThere: true)
        }
        var credentials: [String] = []
        let first = Name(id(start)).map { RecordKey(entity: ended, id: $0) }
        try reader.visitRecords(in: AccountRecords.scope, after: first) { key, record in
            guard key.entity == ended else { return .stop }
            if let end = try? JSONValue(validated: record.json).decode(Ended.self) {
                credentials.append(SessionToken.credential(ofHash: end.hash))
            }
            return .next
        }
        return News(
            last: numbers.last, credentials: credentials,
            isAllThere: number.map { $0 >= numbers.first &- 1 } ?? true)
    }

    /// Numbers in the order of names.
    private static func id(_ number: Int64) -> String {
        let digits = String(UInt64(clamping: number), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
