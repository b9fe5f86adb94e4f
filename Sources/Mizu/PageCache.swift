// Pages that were made, by key, each with the position of the scope that it was made at. A commit
// moves the scope's position, so a page of before is never asked for again: nothing is looked at
// by time, and nobody has to be told what to drop. What was not asked for longest gives way first.
// A value behind `PageStore`'s lock; knows no store, no clock and no request.
//
//   oldest ⇄ … ⇄ newest      asked for, or kept: moves to the newest end
//     └── gives way where all together hold more than `byteCountMax`

import MizuSync

/// Which page of an app: two requests with the same key get the same page as long as the scope does
/// not change.
struct PageKey: Hashable, Sendable {
    let scope: Name
    /// The route, as the router counts them: pages of two handlers never meet.
    let route: Int32
    /// Whose page it is; nil: everybody's, or nobody was signed in.
    let user: Name?
    /// What the app says that the page depends on besides.
    let name: String

    // Byte for byte: to a `String` two spellings of "é" are the same.
    static func == (left: PageKey, right: PageKey) -> Bool {
        left.route == right.route && left.name.utf8.elementsEqual(right.name.utf8)
            && left.scope == right.scope && left.user == right.user
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(route)
        var name = name
        name.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        scope.withUnsafeBytes { hasher.combine(bytes: $0) }
        user?.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

struct PageCache {
    /// Bytes of all pages together; beyond it the least recently used ones go.
    let byteCountMax: Int
    private(set) var byteCount = 0
    private var places: [PageKey: Int] = [:]
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var newest = Slot.none
    private var oldest = Slot.none

    /// A page with its neighbours in the order of use.
    private struct Slot {
        static let none = -1
        /// Nil where the slot is free.
        var entry: (key: PageKey, page: KeptPage)?
        var newer = none
        var older = none
    }

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    /// Pages that are kept.
    var count: Int { places.count }

    /// Returns the page if it is the one of exactly this position, and counts it as used. O(1).
    mutating func page(_ key: PageKey, at position: Position) -> KeptPage? {
        guard let place = places[key], let page = slots[place].entry?.page,
            page.position == position
        else { return nil }
        if place != newest {
            unlink(place)
            link(place)
        }
        return page
    }

    /// Keeps `page` in place of the one with the same key. A page of more than a quarter of all
    /// that may be kept is not: it would put too many others out.
    mutating func keep(_ page: KeptPage, as key: PageKey) {
        remove(key)
        guard page.byteCount <= byteCountMax / 4 else { return }
        let place = free.popLast() ?? slots.count
        if place == slots.count { slots.append(Slot()) }
        slots[place].entry = (key, page)
        places[key] = place
        byteCount += page.byteCount
        link(place)
        while byteCount > byteCountMax, oldest != Slot.none, let entry = slots[oldest].entry {
            remove(entry.key)
        }
    }

    private mutating func remove(_ key: PageKey) {
        guard let place = places.removeValue(forKey: key) else { return }
        unlink(place)
        byteCount -= slots[place].entry?.page.byteCount ?? 0
        slots[place] = Slot()
        free.append(place)
    }

    private mutating func link(_ place: Int) {
        slots[place].older = newest
        slots[place].newer = Slot.none
        if newest != Slot.none { slots[newest].newer = place }
        newest = place
        if oldest == Slot.none { oldest = place }
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (slots[place].newer, slots[place].older)
        if newer == Slot.none { newest = older } else { slots[newer].older = older }
        if older == Slot.none { oldest = newer } else { slots[older].newer = newer }
    }
}
