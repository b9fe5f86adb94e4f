// The whole app in one place: what it is made of, in the order in which a request meets it.

import Mizu

/// Declares the todo app; `run()` it.
/// - Parameter assets: the files below `Assets/`, embedded in the binary.
/// - Throws: `StartError`, one line that says what to do.
public func makeApp(_ configuration: Configuration, assets: Assets) throws -> App {
    let app = try App(configuration, assets: assets)
    let views = try app.views()
    let sync = try mountSync(on: app)
    mountLive(on: app)
    mountRoutes(on: app, views: views, sync: sync)
    return app
}
