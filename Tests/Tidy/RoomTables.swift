// The rooms and who imports whom, drawn from Package.swift and the files' own imports: the floors,
// and a row for each room. `make tables` writes them into architecture.md.

/// A room of Sources with what it imports.
struct Room: Sendable {
    let name: String
    /// Other rooms, by name.
    let rooms: Set<String>
    /// Modules that are none: C targets, Glibc, packages.
    let others: Set<String>

    /// All rooms, by name.
    static let all: [Room] = {
        let targets = Manifest.targets.filter { $0.room != nil }
        let names = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0.room ?? "") })
        return targets.map { target in
            let imports = target.imports.subtracting(["Synchronization"])
            return Room(
                name: target.room ?? "", rooms: Set(imports.compactMap { names[$0] }),
                others: imports.filter { names[$0] == nil })
        }
        .sorted { $0.name < $1.name }
    }()

    /// Each room's floor: one above the highest room that it imports. A circle has none.
    static let floors: [String: Int] = {
        var floors: [String: Int] = [:]
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for room in all where floors[room.name] == nil {
                let below = room.rooms.map { floors[$0] }
                guard below.allSatisfy({ $0 != nil }) else { continue }
                floors[room.name] = (below.compactMap { $0 }.max() ?? -1) + 1
                hasChanged = true
            }
        }
        return floors
    }()
}

enum RoomTables {
    static let imports = WrittenTable(
        name: "imports", paths: ["Assets/Guides/architecture.md"], wanted: ".md"
    ) { _ in picture + [""] + rows }

    private static var byFloor: [(floor: Int, rooms: [Room])] {
        Dictionary(grouping: Room.all) { Room.floors[$0.name] ?? -1 }
            .sorted { $0.key > $1.key }.map { ($0.key, $0.value) }
    }

    /// The highest floor first, as a house is drawn.
    private static var picture: [String] {
        ["```text"]
            + byFloor.map { floor, rooms in
                "\(floor)  " + rooms.map(\.name).joined(separator: "   ")
            } + ["```"]
    }

    private static var rows: [String] {
        ["| room | imports | and besides rooms |", "| --- | --- | --- |"]
            + byFloor.reversed().flatMap { _, rooms in
                rooms.map { room in
                    let below = room.rooms.sorted {
                        (-(Room.floors[$0] ?? 0), $0) < (-(Room.floors[$1] ?? 0), $1)
                    }
                    let cells = [
                        room.name, below.joined(separator: ", "),
                        room.others.sorted().joined(separator: ", "),
                    ]
                    return "| " + cells.map { $0.isEmpty ? "–" : $0 }.joined(separator: " | ")
                        + " |"
                }
            }
    }
}
