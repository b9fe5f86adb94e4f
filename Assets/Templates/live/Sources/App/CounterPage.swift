// The page and its form: all of the app for a browser without JavaScript, and the first paint for
// one with it. The form carries mutation ids made with the page, so one that is sent twice counts
// once.

import Mizu

struct CounterPage: Sendable {
    let views: Views
    let sync: Sync

    func show(_ request: borrowing Request) throws -> Response {
        let views = self.views
        return try sync.read(request) { snapshot in
            let record = try snapshot.record(CounterMutator.entity, id: CounterMutator.id)
            let counter = try record?.decode(Counter.self)
            // One random name for the page; each button adds its own ending.
            let page = Intent.freshID()?.string ?? ""
            return views.render(
                "home",
                [
                    "value": ViewValue(counter?.value ?? 0), "mutation_up": .string(page + ".u"),
                    "mutation_down": .string(page + ".d"),
                ])
        }
    }

    func count(_ request: borrowing Request) throws -> Response {
        let form = try request.form()
        let by = Int(form["by"] ?? "") ?? 0
        let intent = try Intent("counter.add", id: form["mutation"], ["by": by])
        return try sync.push(request, [intent]) { outcomes in
            if let error = outcomes.compactMap(\.error).first { throw error }
            return .redirect(to: "/")
        }
    }
}
