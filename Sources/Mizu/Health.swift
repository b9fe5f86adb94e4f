// The two questions of balancers and monitors. `/healthz`: does the process live? `/readyz`: can it
// do its work, which is to take writes? A process that is not ready need not be restarted: a
// full disk and a database that was moved away stay what they are. Both are asked by address, so no
// `Host`, redirect or permission stands before them.

import MizuHTTP
import MizuRouting
import MizuServer
import MizuSyncService

enum Health {
    /// Whether `path` is one of the two.
    static func isAsked(at path: String) -> Bool { path == "/healthz" || path == "/readyz" }

    /// - Parameter sync: nil if the app has no database.
    static func mount(on routes: inout Routes, _ workers: Workers, _ sync: SyncService?) {
        // A watcher of the process must get an answer, whatever its address has used up.
        let ok = answer("ok")
        routes.get("/healthz", cost: .free) { _ in ok }
        routes.get("/readyz", cost: .free) { _ in
            if workers.isDraining { return answer("draining", .serviceUnavailable) }
            // The log says what is wrong; a stranger gets no paths.
            guard sync?.takesWrites ?? true else {
                return answer("database", .serviceUnavailable)
            }
            return ok
        }
    }

    private static func answer(_ word: String, _ status: HTTPStatus = .ok) -> Response {
        var response = Response.text(word, status: status)
        response.set("Cache-Control", literal: "no-store")
        return response
    }
}
