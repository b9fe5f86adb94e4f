// The command `mizu`. Each subcommand is a file of its own.

import ArgumentParser
import CLinux
import Glibc
import MizuScaffold

@main
struct MizuCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mizu",
        abstract: "An offline-first sync server in one binary.",
        discussion: """
            EXAMPLES
              mizu new my-app && cd my-app && mizu dev
              mizu serve --addr 127.0.0.1:8080
              mizu new --help
            """,
        version: Checkout.version,
        subcommands: [
            ServeCommand.self, NewCommand.self, DevCommand.self, SyncCommand.self,
            BenchCommand.self, ClusterCommand.self,
            VersionCommand.self, CompletionsCommand.self,
        ])

    static func main() {
        cl_hold_standard_descriptors()
        let words = Array(CommandLine.arguments.dropFirst())
        if let complaint = unknownSubcommand(in: words) {
            Terminal.complain(complaint.message, hint: complaint.hint)
            Terminal.complain("See 'mizu --help'.")
            Glibc.exit(EX_USAGE)
        }
        main(words)
    }

    /// What ArgumentParser would call an unexpected argument, with the word that was meant. For
    /// flags and values it says so itself.
    private static func unknownSubcommand(in words: [String]) -> ScaffoldError? {
        guard let word = words.first(where: { $0 != "help" }), !word.hasPrefix("-") else {
            return nil
        }
        let names =
            configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        // Shells ask by a word of their own (`---completion`); that one begins with a dash.
        guard !names.contains(word) else { return nil }
        return ScaffoldError(
            .badOption, "there is no command \"\(word)\"",
            hint: Suggestion.hint(for: word, among: names))
    }
}
