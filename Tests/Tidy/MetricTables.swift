// The table of metrics in the guide, written from `MetricCatalogue.groups`, and that the dashboard
// in Assets/Grafana asks for nothing that is not there.

import Foundation
import Mizu
import Testing

enum MetricTables {
    static let guide = WrittenTable(
        name: "metrics", paths: ["Assets/Guides/operating.md"], wanted: ".md"
    ) { _ in
        MetricCatalogue.groups.flatMap { group in
            ["", "**\(group.title)**", "", "| metric | kind | meaning |", "| --- | --- | --- |"]
                + group.metrics.map { metric in
                    let labels =
                        metric.labels.isEmpty
                        ? "" : "{" + metric.labels.joined(separator: ", ") + "}"
                    return "| `\(metric.name)\(labels)` | \(metric.kind.rawValue) | "
                        + "\(metric.help) |"
                }
        } + [""]
    }
}

@Suite("Metrics")
struct MetricTests {
    @Test("names follow the conventions, and each is there once")
    func names() throws {
        let pattern = try Regex("(mizu|process)_[a-z0-9]+(_[a-z0-9]+)*")
        for metric in MetricCatalogue.all {
            let match = try pattern.wholeMatch(in: metric.name)
            #expect(match != nil, "\(metric.name)")
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            #expect(metric.help.first?.isUppercase == true && metric.help.last != ".")
            let isPlain = metric.help.utf8.allSatisfy { $0 < 0x80 }
            #expect(isPlain, "\(metric.name)")
        }
        let names = MetricCatalogue.all.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("the dashboard names metrics that exist, and every one of its panels has a question")
    func dashboard() throws {
        let text = SourceTree.text("Assets/Grafana/mizu.json")
        let known = Set(MetricCatalogue.all.flatMap(\.seriesNames))
        let root = try #require(
            JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let panels = try #require(root["panels"] as? [[String: Any]])
        var asked: Set<String> = []
        for panel in panels where panel["type"] as? String != "row" {
            let targets = panel["targets"] as? [[String: Any]] ?? []
            let questions = targets.compactMap { $0["expr"] as? String }
            #expect(!questions.isEmpty, "\(panel["title"] ?? "")")
            for question in questions {
                for match in question.matches(of: try Regex("(mizu|process)_[a-z0-9_]+")) {
                    asked.insert(String(question[match.range]))
                }
            }
        }
        #expect(asked.subtracting(known) == [])
        #expect(asked.count > 20)
    }
}
