// What is known in memory of a run of outcomes: where its blocks begin, and a filter that says of
// nearly every mutation that it is not in it, so that a new mutation costs no look into the
// database. The filter is a blocked Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and
// Space-Efficient Bloom Filters", 2007): seven bits in one cache line, 16 bits for each outcome, so
// that one new mutation in a thousand is looked for in vain.

import MizuBytes

/// A run as it is kept in memory.
struct OutcomeRun {
    /// Later runs have greater numbers.
    let id: Int
    /// Outcomes in it.
    var count: Int
    /// No outcome of it is looked at before.
    var reviewMin: Int64
    /// The least hash that each block may hold, ascending. A block may have been emptied since.
    let firsts: [UInt64]
    let filter: OutcomeFilter

    /// Blocks are numbered within their run.
    static let blockBits = 16

    /// Whether as many blocks have numbers.
    static func canNumber(blocks: Int) -> Bool { blocks < 1 << blockBits }

    func blockID(_ index: Int) -> Int { id << Self.blockBits | index }
    var blockIDs: ClosedRange<Int> { blockID(0)...blockID((1 << Self.blockBits) - 1) }

    /// Where an outcome of this hash would be, the likeliest block first.
    func blockIndices(of hash: UInt64) -> [Int] {
        var (low, high) = (0, firsts.count)
        while low < high {
            let middle = low + (high - low) / 2
            if firsts[middle] > hash { high = middle } else { low = middle + 1 }
        }
        var indices: [Int] = []
        var index = low - 1
        while index >= 0 {
            indices.append(index)
            // Equal hashes may have been cut apart.
            guard firsts[index] == hash else { break }
            index -= 1
        }
        return indices
    }
}

struct OutcomeFilter {
    /// Eight words are a cache line.
    private(set) var words: [UInt64]
    private static let lineWords = 8
    private static let bitsPerOutcome = 16

    init(_ hashes: [UInt64]) {
        let lines = max(1, (hashes.count * Self.bitsPerOutcome + 511) / 512)
        words = [UInt64](repeating: 0, count: lines * Self.lineWords)
        for hash in hashes {
            let line = Self.line(of: hash, lines) * Self.lineWords
            var rest = Self.mixed(hash)
            for _ in 0..<7 {
                words[line + Int(rest >> 6 & 7)] |= 1 << (rest & 63)
                rest >>= 9
            }
        }
    }

    /// Nil where these are no filter's words.
    init?(words: [UInt64]) {
        guard !words.isEmpty, words.count % Self.lineWords == 0 else { return nil }
        self.words = words
    }

    /// False where no outcome has this hash.
    @inline(__always)
    func mayHold(_ hash: UInt64) -> Bool {
        words.withUnsafeBufferPointer { words in
            let line = Self.line(of: hash, words.count / Self.lineWords) * Self.lineWords
            var rest = Self.mixed(hash)
            for _ in 0..<7 {
                guard words[line + Int(rest >> 6 & 7)] & 1 << (rest & 63) != 0 else {
                    return false
                }
                rest >>= 9
            }
            return true
        }
    }

    private static func line(of hash: UInt64, _ lines: Int) -> Int {
        Int(((hash >> 32) &* UInt64(lines)) >> 32)
    }

    /// Other bits than those that chose the line: seven times nine of them.
    private static func mixed(_ hash: UInt64) -> UInt64 { hash &* 0x9E37_79B1_85EB_CA87 }

    /// To tell a damaged filter, which would call a known mutation new.
    static func sum(_ firsts: ByteSlice, _ filter: ByteSlice) -> UInt64 {
        let seed = firsts.withUnsafeBytes { XXHash64.hash($0) }
        return filter.withUnsafeBytes { XXHash64.hash($0, seed: seed) }
    }
}
