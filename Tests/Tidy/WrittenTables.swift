// What `make tables` writes from the sources into files that people edit otherwise: whole files, or
// the lines between two marks. The same code compares in a test, so a table cannot be out of date.
// To add a table: one more `WrittenTable` in `all`.

import Foundation
import Testing

/// Lines of a file that are written from the sources.
struct WrittenTable: Sendable {
    /// In the marks: a line that contains `NAME:begin`, and one that contains `NAME:end`.
    let name: String
    /// The files to look for the marks in.
    let paths: [String]
    /// At least one file that ends so must have the marks, or no reader sees the table.
    let wanted: String
    /// The lines for the file of a path.
    let lines: @Sendable (_ path: String) -> [String]

    /// Every table between marks.
    static let all: [WrittenTable] = [
        RoomTables.imports, SettingTables.guide, SettingTables.units, MetricTables.guide,
    ]

    /// `text` with the lines between the marks as they should be; nil: it has no such marks.
    func rewritten(_ text: String, path: String) -> String? {
        var result = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let first = result.firstIndex(where: { $0.contains("\(name):begin") }),
            let last = result[first...].firstIndex(where: { $0.contains("\(name):end") })
        else { return nil }
        result.replaceSubrange(first + 1..<last, with: lines(path))
        return result.joined(separator: "\n")
    }

    /// Writes `text` in place of `old` if `make tables` runs; otherwise expects that they are equal.
    static func settle(_ path: String, from old: String, to text: String) throws {
        guard old != text else { return }
        if ProcessInfo.processInfo.environment["MIZU_TABLES"] == "write" {
            try text.write(
                to: SourceTree.root.appendingPathComponent(path), atomically: true, encoding: .utf8)
        } else {
            Issue.record("\(path) is out of date: run `make tables` and commit what it writes")
        }
    }
}

@Suite("Tables that are written from the sources", .serialized)
struct WrittenTablesTests {
    @Test("every table between marks is what the sources say", arguments: WrittenTable.all)
    func marked(table: WrittenTable) throws {
        var found: [String] = []
        for path in table.paths {
            let old = SourceTree.text(path)
            guard let text = table.rewritten(old, path: path) else { continue }
            found.append(path)
            try WrittenTable.settle(path, from: old, to: text)
        }
        #expect(
            found.contains { $0.hasSuffix(table.wanted) },
            "no file has the marks of the table \(table.name)")
    }

    @Test("the flags of `mizu serve` are the settings")
    func flags() throws {
        let path = "Sources/CLI/SettingFlags.swift"
        try WrittenTable.settle(path, from: SourceTree.text(path), to: SettingTables.flags)
    }
}
