// `mizu serve`: runs the todo app. Each setting is an environment variable and a flag of the same
// name; the flag wins. Secrets have no flag, because `ps` shows flags to everybody. The flags are
// in SettingFlags.swift, which `make tables` writes.

import ArgumentParser
import Mizu
import MizuTodo

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the todo app until SIGTERM or SIGINT.",
        discussion: """
            Standard output gets one line 'listening on URL' for each address, with the address \
            that is bound, and the access log if ACCESS_LOG is -. Everything else goes to standard \
            error.

            Each flag can also be set by the environment variable of its name: --database-url is \
            DATABASE_URL. If both are set, the flag wins. Secrets have none: SESSION_SECRET and \
            ADMIN_TOKEN are set by the environment alone.

            EXAMPLES
              mizu serve
              mizu serve --tls-self-signed
              mizu serve --addr 127.0.0.1:0 --database-url memory:
              ADDR=:80 DATABASE_URL=sqlite:/var/lib/mizu/mizu.db mizu serve
            """)

    @OptionGroup var flags: SettingFlags

    func run() throws {
        do {
            let app = try makeApp(try settings(), assets: EmbeddedFiles.ofTodoApp())
            try app.run()
        } catch {
            StandardErrorLog.say("mizu serve: \(error)")
            throw ExitCode.failure
        }
    }

    private func settings() throws -> Configuration {
        var configuration = try Configuration.from(
            environment: Configuration.processEnvironment())
        for case (let name, let text?) in flags.given { try configuration.set(name, toFlag: text) }
        return configuration
    }
}

// How the flag of a setting is made of its row in the table. A name without a row is a mistake of
// SettingFlags.swift, which a tidy test finds.

extension Option where Value == String? {
    init(setting name: String) {
        let row = Configuration.settings.first { $0.name == name }
        self.init(help: row?.argumentHelp, completion: row?.completionKind)
    }
}

extension Flag where Value == Bool {
    init(setting name: String) {
        let row = Configuration.settings.first { $0.name == name }
        self.init(wrappedValue: false, help: row?.argumentHelp)
    }
}

extension Setting {
    fileprivate var argumentHelp: ArgumentHelp {
        ArgumentHelp(
            "\(Setting.plain(help)) (default: \(Setting.plain(fallback)))", valueName: placeholder)
    }

    fileprivate var completionKind: CompletionKind? {
        switch completion {
        case .nothing: nil
        case .files: .file()
        case .folders: .directory
        case .oneOf(let words): .list(words)
        }
    }
}
