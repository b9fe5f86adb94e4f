// `mizu completions SHELL`: the script by which a shell completes the command, as ArgumentParser
// makes it from the flags. `make install` puts the three where shells look for them.

import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print the completion script for a shell.",
        discussion: """
            EXAMPLES
              source <(mizu completions bash)
              mizu completions zsh > "${fpath[1]}/_mizu"
              mizu completions fish > ~/.config/fish/completions/mizu.fish
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        print(MizuCommand.completionScript(for: kind))
    }
}
