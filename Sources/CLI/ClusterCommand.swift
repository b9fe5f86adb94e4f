// `mizu cluster`: which nodes there are, how busy they are, and how far they are behind, as any one
// of them sees it. Asks its admin address; changes nothing.

import ArgumentParser
import CLinux
import Mizu

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Show the nodes of a store: load, lag, position.",
        discussion: """
            Asks the admin address of one node (ADMIN_ADDR there); each knows all that have said a \
            word lately. CPU is in cores. LAG is how long a change of another node took to the \
            sockets of this one, BEHIND how many changes the store had that it did not know of, \
            both the worst lately.

            Exit code 0: it has answered. 1: it has not.

            EXAMPLES
              mizu cluster
              mizu cluster --admin unix:/run/mizu/admin --json
              ADMIN_TOKEN=… mizu cluster --admin 10.0.0.5:9180
            """)

    @Option(
        help: ArgumentHelp(
            "The admin address of a node (default: ADMIN_ADDR, or 127.0.0.1:9180).",
            valueName: "ADDR:PORT|unix:PATH"))
    var admin: String?
    @Option(help: "What that address wants to be shown (default: ADMIN_TOKEN).")
    var token: String?
    @Flag(help: "The answer as it came: one JSON object.")
    var json = false

    private var address: String {
        let environment = Configuration.processEnvironment()
        return [admin, environment["ADMIN_ADDR"]].compactMap { $0 }.first { !$0.isEmpty }
            ?? "127.0.0.1:9180"
    }

    func validate() throws {
        guard AdminRequest.place(address) != nil else {
            throw ValidationError("\"\(address)\" is no admin address: use ADDR:PORT, or unix:PATH")
        }
    }

    func run() throws {
        guard let place = AdminRequest.place(address) else { return }
        let request = AdminRequest(
            place: place, token: token ?? Configuration.processEnvironment()["ADMIN_TOKEN"])
        do throws(AdminRequest.Failure) {
            let body = try request.get("/cluster")
            if json {
                print(body.string)
            } else {
                print(try ClusterTable(body).text)
            }
        } catch {
            Terminal.complain(error.message, hint: error.hint)
            throw ExitCode.failure
        }
    }
}

/// The answer of `/cluster` as lines for people.
struct ClusterTable {
    private struct Answer: Decodable {
        var node: String
        var store: String
        var news: String
        var nodes: [Node]
    }

    private struct Node: Decodable {
        var node: String
        var address: String
        var version: String
        var started: Int
        var seen_ms: Int
        var draining: Bool
        var figures: [String: Int]
    }

    private let answer: Answer

    init(_ body: ByteSlice) throws(AdminRequest.Failure) {
        do {
            answer = try JSON.parse(body).decode(Answer.self)
        } catch {
            throw AdminRequest.Failure(message: "the answer is none of a cluster: \(error)")
        }
    }

    var text: String {
        let head = ["NODE", "ADDRESS", "VERSION", "UP", "SOCKETS", "CPU", "LAG", "BEHIND", "STATE"]
        let rows = [head] + answer.nodes.map(row)
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let cells = row.indices.map { column in
                // Numbers stand to the right.
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return (3...7).contains(column) ? space + row[column] : row[column] + space
            }
            return cells.joined(separator: "  ")
        }
        let told = answer.nodes.count == 1 ? "1 node" : "\(answer.nodes.count) nodes"
        return (["\(told) on \(answer.store), news by \(answer.news)", ""] + lines)
            .joined(separator: "\n")
    }

    private func row(_ node: Node) -> [String] {
        let figures = node.figures
        let up = max(0, Int(cl_realtime_ms()) - node.started)
        return [
            String(node.node.prefix(8)) + (node.node == answer.node ? "*" : ""),
            node.address, node.version, Self.span(up),
            figures[ClusterReport.Figure.sockets].map { "\($0)" } ?? "-",
            figures[ClusterReport.Figure.cpu].map(Self.cores) ?? "-",
            figures[ClusterReport.Figure.feedLag].map { "\($0) ms" } ?? "-",
            figures[ClusterReport.Figure.behind].map { "\($0)" } ?? "-",
            node.draining
                ? "draining" : node.seen_ms < 3_000 ? "lives" : "silent \(Self.span(node.seen_ms))",
        ]
    }

    /// As "0.42".
    private static func cores(_ thousandths: Int) -> String {
        let hundredths = max(0, thousandths) / 10
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    /// As "12s", "3h", "40d".
    private static func span(_ milliseconds: Int) -> String {
        let seconds = milliseconds / 1_000
        for (size, letter) in [(86_400, "d"), (3_600, "h"), (60, "m")] where seconds >= 2 * size {
            return "\(seconds / size)\(letter)"
        }
        return "\(seconds)s"
    }
}
