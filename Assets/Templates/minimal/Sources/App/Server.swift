// A server with one route. Settings come from the environment: ADDR, WORKERS, LOG_LEVEL and more.

import Glibc
import Mizu

@main
enum MizuHello {
    static func main() {
        do {
            let settings = try Configuration.from(
                environment: Configuration.processEnvironment())
            try makeApp(settings).run()
        } catch {
            StandardErrorLog.say("\(error)")
            exit(1)
        }
    }

    /// Declares the app; `run()` it.
    static func makeApp(_ settings: Configuration) throws -> App {
        let app = try App(settings, assets: .none)
        app.get("/") { _ in .text("Hello from Mizu Hello\n") }
        return app
    }
}
