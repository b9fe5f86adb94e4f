// The expenses app of the guides as a process, for Tests/Browser: its page, and what the bank sends
// in a file that BANK names, as soon as there is one. EXPENSES_JS is the page's script.

import Foundation
import Mizu

let page = """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <title>{{household}}</title>
    <link rel="icon" href="data:,">
    {{{mizu.head}}}
    <script type="module" src="/static/expenses.js"></script>
    </head>
    <body>
    <main data-household="{{household}}">
    <ul>{{#expenses}}<li>{{title}}: {{cents}}</li>{{/expenses}}</ul>
    <form method="post">
    <input type="hidden" name="id" value="{{id}}">
    <input type="hidden" name="mutation" value="{{mutation}}">
    <label>What <input name="title"></label>
    <label>Cents <input name="cents"></label>
    <button>Add</button>
    </form>
    </main>
    </body>
    </html>
    """

do {
    let environment = Configuration.processEnvironment()
    let script = try String(contentsOfFile: environment["EXPENSES_JS"] ?? "", encoding: .utf8)
    let assets = Assets(["views/pages/household.html": page, "static/expenses.js": script])
    let app = try makeExpenses(
        try .from(environment: environment), assets: assets, secret: "of the card company"
    ) {
        guard let path = environment["BANK"] else { return [:] }
        while !FileManager.default.fileExists(atPath: path) {
            try await Task.sleep(for: .milliseconds(50))  // a bank that answers late
        }
        return ["oak": try String(contentsOfFile: path, encoding: .utf8)]
    }
    app.get("/favicon.ico") { _ in .status(.noContent) }  // of the pages below /account
    try app.run()
} catch {
    StandardErrorLog.say("\(error)")
    exit(1)
}
