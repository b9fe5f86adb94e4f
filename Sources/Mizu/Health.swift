// The two questions of balancers and monitors. `/healthz`: does the process live? `/readyz`: can it
// do its work, which is to take writes, and if not, what is in the way? A process that is not ready
// need not be restarted: a full disk and a database that was moved away stay what they are, and
// writes go on by themselves once they can. Both are asked by address, so no `Host`, redirect or
// permission stands before them; and strangers ask, so they are told a word and no path.

import MizuBytes
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
        let ok = unstored(Response.text("ok"))
        routes.get("/healthz", cost: .free) { _ in ok }
        routes.get("/readyz", cost: .free) { _ in
            let obstacle = sync?.writeObstacle ?? (workers.isDraining ? .draining : nil)
            return obstacle.map { answer($0) } ?? ok
        }
    }

    private static func answer(_ obstacle: WriteObstacle) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.key("ready")
        json.bool(false)
        json.key("reason")
        json.string(obstacle.rawValue)
        json.key("message")
        json.string(message(obstacle))
        json.endObject()
        return unstored(Response.json(json.finish(), status: .serviceUnavailable))
    }

    private static func message(_ obstacle: WriteObstacle) -> StaticString {
        switch obstacle {
        case .diskFull: "the disk is full, or less is left than DISK_FREE_MIN"
        case .storageFailing: "the database cannot be written: the log says why"
        case .foldsLag: "commits wait for the database: the disk is slow, or the log says why"
        case .newerSchema:
            "the database belongs to a newer version of mizu: this node is to be upgraded"
        case .draining: "the server is going down"
        }
    }

    private static func unstored(_ response: consuming Response) -> Response {
        response.set("Cache-Control", literal: "no-store")
        return response
    }
}
