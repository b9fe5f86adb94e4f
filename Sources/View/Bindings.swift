// What each name of the templates means now. A name is looked for in all contexts from the
// innermost (Mustache spec, interpolation); instead of looking at each hole, the members of a
// context are bound to their symbols when it is entered, and what they meant before comes back when
// it is left.
// So a look-up is one load, and a row costs one walk over its members. One page, one thread.

import MizuBytes

struct Bindings: ~Copyable {
    private let symbols: SymbolTable
    /// By symbol; owned.
    private let meanings: UnsafeMutablePointer<PageValue?>
    /// What bound symbols meant before, the latest last.
    private var replaced = Stack<Replaced>(capacity: 64)

    private struct Replaced: BitwiseCopyable {
        let symbol: Int
        let meaning: PageValue?
    }

    init(_ symbols: SymbolTable) {
        self.symbols = symbols
        meanings = .allocate(capacity: max(1, symbols.count))
        meanings.initialize(repeating: nil, count: max(1, symbols.count))
    }

    // `PageValue` needs no deinitialization.
    deinit { meanings.deallocate() }

    /// How many bindings there are; for `unbind(to:)`.
    var count: Int { replaced.count }

    /// What `symbol` means here.
    @inline(__always)
    func meaning(of symbol: Int) -> PageValue? { meanings[symbol] }

    /// Binds the members of a context; there are none if it is no object.
    mutating func bind(membersOf context: PageValue) {
        switch context {
        case .value(let value):
            guard case .object(let object) = value.pointee, let values = object.values.start else {
                return
            }
            for (index, key) in object.keys.enumerated() {
                let symbol = symbols.number(of: key.ends) { bytes in
                    key.withUnsafeBytes { ASCII.equal($0, bytes) }
                }
                if symbol >= 0 { bind(symbol, to: PageValue(values + index)) }
            }
        case .json(let text):
            text.forEachMember { ends, key, value in
                let symbol = symbols.number(of: ends) { ASCII.equal(key.bytes, $0) }
                if symbol >= 0 { bind(symbol, to: .json(value)) }
            }
        }
    }

    @inline(__always)
    private mutating func bind(_ symbol: Int, to meaning: PageValue) {
        replaced.push(Replaced(symbol: symbol, meaning: meanings[symbol]))
        meanings[symbol] = meaning
    }

    /// Takes back what was bound since there were `count` bindings.
    mutating func unbind(to count: Int) {
        while replaced.count > count, let last = replaced.pop() {
            meanings[last.symbol] = last.meaning
        }
    }
}
