// A server with one route. Settings come from the environment: ADDR, WORKERS, LOG_LEVEL and more.

import Glibc
import Mizu

@main
enum MizuHello {
    static func main() {
        do {
            let settings = try Configuration.from(
                environment: Configuration.processEnvironment())
            let app = try App(settings, assets: .none)
            app.get("/") { _ in hello() }
            try app.run()
        } catch {
            StandardErrorLog.say("\(error)")
            exit(1)
        }
    }

    /// What `/` answers.
    static func hello() -> Response {
        .text("Hello from Mizu Hello\n")
    }
}
