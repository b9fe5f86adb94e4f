// `mizu version`: which Mizu this is, and what made it.

import ArgumentParser
import Mizu

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Show the version, the commit and the compiler.",
        discussion: """
            Only a build by make knows the commit.

            EXAMPLES
              mizu version
              mizu version --json
            """)

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        guard json else {
            let commit = Checkout.commit.map { "commit \($0)" } ?? "commit unknown"
            print("mizu \(Checkout.version) (\(commit), Swift \(Checkout.swiftVersion))")
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("version")
        writer.string(Checkout.version)
        writer.key("commit")
        if let commit = Checkout.commit { writer.string(commit) } else { writer.null() }
        writer.key("swift")
        writer.string(Checkout.swiftVersion)
        writer.endObject()
        print(writer.finish().string)
    }
}
