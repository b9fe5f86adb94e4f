// "Did you mean": the known word that is closest to one that was typed. Distance is the number of
// letters to insert, drop, change, or swap with their neighbour (optimal string alignment); a word
// that would have to change by more than a third, or by more than three letters, is no suggestion.

public enum Suggestion {
    /// Letters of a word that are looked at; longer ones are nobody's slip.
    static let lettersMax = 40

    /// The closest of `known`, the first of several; nil if none is close.
    public static func nearest(to word: String, among known: [String]) -> String? {
        let typed = Array(word.lowercased().utf8)
        guard !typed.isEmpty, typed.count <= lettersMax else { return nil }
        let reach = min(3, max(1, typed.count / 3))
        var best: (word: String, distance: Int)?
        for candidate in known where candidate.utf8.count <= lettersMax {
            let distance = distance(typed, Array(candidate.lowercased().utf8))
            if distance <= reach, distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.word
    }

    /// `did you mean "sync"?`, or what there is to choose from.
    public static func hint(for word: String, among known: [String]) -> String {
        if let nearest = nearest(to: word, among: known) { return "did you mean \"\(nearest)\"?" }
        return "there are: " + known.joined(separator: ", ")
    }

    /// O(n·m) with three rows.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var twoBack: [Int] = []
        var oneBack = Array(0...right.count)
        for i in 0..<left.count {
            var row = [i + 1]
            for j in 0..<right.count {
                let change = left[i] == right[j] ? 0 : 1
                var cost = min(oneBack[j] + change, oneBack[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, twoBack[j - 1] + 1)
                }
                row.append(cost)
            }
            (twoBack, oneBack) = (oneBack, row)
        }
        return oneBack[right.count]
    }
}
