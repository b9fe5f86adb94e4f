// The connections of one worker by index. A slot that is retired gets a new generation at once and
// is handed out again only after `recycle()`, at the end of the tick: an event of the same batch
// that still names the old connection finds nobody. One thread.

import MizuBytes

/// Elements in numbered slots with generations.
public struct SlotTable<Element> {
    @usableFromInline var elements: ContiguousArray<Element?> = []
    @usableFromInline var generations: ContiguousArray<UInt32> = []
    private var free: [Int32] = []
    private var retired: [Int32] = []
    public private(set) var count = 0

    public init() {}

    /// Slots ever made; every index is below it.
    public var slotCount: Int { elements.count }

    /// Makes an element in a free slot; `make` gets the token that names it.
    public mutating func insert(_ make: (Token) -> Element) -> Element {
        let index: Int
        if let reused = free.popLast() {
            index = Int(reused)
        } else {
            index = elements.count
            elements.append(nil)
            generations.append(1)
        }
        let element = make(Token(index: index, generation: generations[index]))
        elements[index] = element
        count += 1
        return element
    }

    /// The element that `token` names, or nil where it has gone.
    @inlinable
    public subscript(token: Token) -> Element? {
        let index = token.index
        guard index < elements.count, generations[index] == token.generation else { return nil }
        return elements[index]
    }

    /// The element in slot `index`, whatever its generation.
    @inlinable
    public func element(at index: Int) -> Element? {
        index < elements.count ? elements[index] : nil
    }

    /// Takes the element out; from now on its token finds nobody.
    @discardableResult
    public mutating func retire(_ token: Token) -> Element? {
        guard let element = self[token] else { return nil }
        let index = token.index
        elements[index] = nil
        // Generation 0 is never used, so that an all-zero token names nobody.
        generations[index] = generations[index] == .max ? 1 : generations[index] + 1
        retired.append(Int32(truncatingIfNeeded: index))
        count -= 1
        return element
    }

    /// Lets retired slots be used again. Call it when the tick's events are all handled.
    public mutating func recycle() {
        guard !retired.isEmpty else { return }
        free.append(contentsOf: retired)
        retired.removeAll(keepingCapacity: true)
    }

    /// Calls `body` for each element; `body` may retire elements.
    public func forEach(_ body: (Element) -> Void) {
        for element in elements {
            if let element { body(element) }
        }
    }
}
