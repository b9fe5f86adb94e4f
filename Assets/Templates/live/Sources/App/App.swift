// The whole app: a number, a page that shows it, and two buttons. What the buttons do is a
// mutation, so it is applied once and kept; every open page hears of it on `/ws`.

import Mizu

/// Declares the counter; `run()` it.
/// - Parameter assets: the files below `Assets/`, embedded in the binary.
/// - Throws: `StartError`, one line that says what to do.
public func makeApp(_ configuration: Configuration, assets: Assets) throws -> App {
    let app = try App(configuration, assets: assets)
    let views = try app.views()
    // As shipped everybody may count, and the start says so. Pass `authorize:` to change that.
    let sync = try app.sync(CounterMutator())
    let page = CounterPage(views: views, sync: sync)
    app.get("/") { request in try page.show(request) }
    app.post("/count") { request in try page.count(request) }
    app.files("/static", from: "static")
    app.file("/favicon.ico", from: "static/img/favicon.ico")
    // At the root, because a service worker controls what lies below its own path.
    app.file("/sw.js", from: "static/sw.js")
    return app
}
