// Which certificates a client may get for the name that it asks for (SNI, RFC 6066 §3): of those
// that cover the name the first of each kind of key, so that RSA and ECDSA stand side by side and
// the client's own list decides. Pure; names are in lower case.

/// For each name a set of certificates, by index.
struct TLSChoice: Equatable, Sendable {
    /// The facts of a certificate that a choice depends on.
    struct Subject: Sendable {
        var names: [String]
        var keyKind: Int32
    }

    /// The sets that occur; the first is for clients that name nobody known.
    private(set) var sets: [[Int]] = []
    /// Each name, in ascending order of its bytes, and its set.
    private(set) var names: [(name: String, set: Int)] = []

    init(_ subjects: [Subject]) {
        guard let first = subjects.first else { return }
        sets = [first.names.first.map { Self.set(for: $0, subjects) } ?? [0]]
        // The first certificate is the default even where a wildcard of a later one covers it too.
        if !sets[0].contains(0) { sets[0] = [0] }
        var known: Set<String> = []
        for subject in subjects {
            for name in subject.names where known.insert(name).inserted {
                let members = Self.set(for: name, subjects)
                let index = sets.firstIndex(of: members) ?? sets.count
                if index == sets.count { sets.append(members) }
                names.append((name, index))
            }
        }
        names.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    static func == (left: TLSChoice, right: TLSChoice) -> Bool {
        left.sets == right.sets && left.names.elementsEqual(right.names, by: ==)
    }

    private static func set(for name: String, _ subjects: [Subject]) -> [Int] {
        var (members, kinds): ([Int], [Int32]) = ([], [])
        for (index, subject) in subjects.enumerated()
        where !kinds.contains(subject.keyKind)
            && subject.names.contains(where: { covers($0, name) })
        {
            members.append(index)
            kinds.append(subject.keyKind)
        }
        return members
    }

    /// Whether a certificate for `pattern` may be shown for `name`; a wildcard stands for one whole
    /// label (RFC 6125 §6.4.3).
    static func covers(_ pattern: String, _ name: String) -> Bool {
        if pattern == name { return true }
        guard pattern.hasPrefix("*."), let dot = name.firstIndex(of: "."), dot != name.startIndex
        else { return false }
        return pattern.dropFirst() == name[dot...]
    }
}
