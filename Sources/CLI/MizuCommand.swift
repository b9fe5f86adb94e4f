// The command `mizu`. Each subcommand is a file of its own.

import ArgumentParser

@main
struct MizuCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mizu",
        abstract: "An offline-first sync server in one binary.",
        subcommands: [ServeCommand.self, DevCommand.self, BenchCommand.self])
}
