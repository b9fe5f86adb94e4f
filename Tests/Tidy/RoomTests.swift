// Which room may import what: what Package.swift declares for it, no less and no more. The table in
// architecture.md is drawn from both (`RoomTables`), so a new arrow shows in the commit that makes
// it.

import Testing

@Suite("Rooms import what the manifest declares")
struct RoomTests {
    /// What a target may import without declaring it: parts of the toolchain.
    private static func isFree(_ module: String, in target: Manifest.Target) -> Bool {
        ["Synchronization", "Glibc"].contains(module)
            || (target.isTest && ["Foundation", "Testing"].contains(module))
    }

    @Test("the manifest's targets are found, every room among them")
    func manifest() {
        let targets = Manifest.targets
        #expect(Set(targets.compactMap(\.room)) == Set(SourceTree.names(in: "Sources")))
        #expect(targets.count >= 60, "Manifest reads Package.swift in its plain form only")
        for target in targets {
            #expect(!SourceTree.paths(under: target.folder).isEmpty, "\(target): \(target.folder)")
        }
    }

    @Test("no file imports what its target does not declare", arguments: Manifest.targets)
    func undeclared(target: Manifest.Target) {
        for file in target.files {
            for module in file.imports where !Self.isFree(module, in: target) {
                #expect(target.dependencies.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test("no target declares what none of its files imports", arguments: Manifest.targets)
    func unused(target: Manifest.Target) {
        let unused = target.dependencies.subtracting(target.imports)
        #expect(unused.isEmpty, "\(target) depends on \(unused.sorted()) for nothing")
    }

    @Test("there is no circle: every room has a floor")
    func floors() {
        #expect(Set(Room.floors.keys) == Set(Room.all.map(\.name)))
    }

    @Test(
        "rooms of protocols and text know neither each other nor the system",
        arguments: ["HTTP", "WebSocket", "Sync", "View", "Topics"])
    func pure(room: String) throws {
        let found = try #require(Room.all.first { $0.name == room }, "there is no room \(room)")
        #expect(found.rooms.isSubset(of: ["Bytes"]))
        #expect(found.others.isSubset(of: ["CScan", "CZlib"]))
    }

    @Test("only the command imports the rooms of its tools")
    func tools() {
        for room in Room.all where room.name != "CLI" {
            #expect(
                room.rooms.isDisjoint(with: ["Bench", "Dev", "Scaffold", "SyncTools"]),
                "\(room.name)")
        }
    }
}
