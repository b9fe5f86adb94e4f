// What answers where: the page and its forms, the REST interface, the files.

import Mizu

func mountRoutes(on app: App, views: Views, sync: Sync) {
    let (home, forms) = (HomeHandler(views: views, sync: sync), FormsHandler(sync: sync))
    // Pages and lists are read from the store and rendered: dearer than most (RATE_LIMIT).
    app.get("/", cost: 4) { request in try home.show(request) }
    app.post("/") { request in try forms.change(request) }
    app.post("/todos") { request in try forms.create(request) }
    app.post("/todos/clear-done") { request in try forms.clearDone(request) }

    let api = APIHandler(sync: sync)
    app.get("/api/todos", cost: 4) { request in try api.list(request) }
    app.post("/api/todos") { request in try api.create(request) }
    app.get("/api/todos/:id") { request in try api.show(request) }
    app.put("/api/todos/:id") { request in try api.update(request) }
    app.delete("/api/todos/:id") { request in try api.delete(request) }

    app.files("/static", from: "static")
    // Asked for by browsers that show something other than our page, an answer of the API say.
    app.file("/favicon.ico", from: "static/img/favicon.ico")
    // At the root, because a service worker controls what lies below its own path.
    app.file("/sw.js", from: "static/sw.js")
}
