// What the admin listener answers: `/metrics` in Prometheus' text format or in OpenMetrics, as
// `Accept` says; `/health`, what `/readyz` says with the version and the time of running; and
// `/cluster`, the nodes that share the database. Nothing is kept from one answer to the next.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuMetrics
import MizuRouting
import MizuServer
import MizuSyncService

struct AdminRoutes: Sendable {
    let page: MetricsPage
    /// What a node that is alone is called: random, for as long as its process lives.
    private let name: String

    init(page: MetricsPage) {
        self.page = page
        name = String(decoding: Hex.encode(Randomness.bytes(8)), as: UTF8.self)
    }

    func router() -> Router {
        Router { routes in
            routes.get("/metrics", cost: .free) { request in
                let format = MetricsText.Format(accept: request.header("accept"))
                return Self.unstored(
                    Response(
                        status: .ok, mediaType: MediaType(format.mediaType),
                        body: .slice(ByteSlice(page.text(format)))))
            }
            routes.get("/health", cost: .free) { _ in Self.unstored(health()) }
            routes.get("/cluster", cost: .free) { _ in
                Self.unstored(Response.json((page.sync?.nodes.report() ?? alone).json))
            }
        }
    }

    private func health() -> Response {
        let obstacle =
            page.sync?.writeObstacle ?? (page.server.workers.isDraining ? .draining : nil)
        var json = JSONWriter()
        json.beginObject()
        json.key("ready")
        json.bool(obstacle == nil)
        json.key("reason")
        if let obstacle { json.string(obstacle.rawValue) } else { json.null() }
        writeNode(to: &json)
        json.endObject()
        return Response.json(json.finish(), status: obstacle == nil ? .ok : .serviceUnavailable)
    }

    /// What a node that shares its database with nobody says of itself.
    private var alone: ClusterReport {
        var usage = cl_usage()
        cl_process_usage(&usage)
        let server = page.server
        let addresses = server.configuration.addresses.map(\.description)
        let node = ClusterReport.Node(
            id: name, address: addresses.first ?? "", version: BuildFacts.version,
            startedMilliseconds: Int(usage.start_seconds * 1000), seenMilliseconds: 0,
            isDraining: server.workers.isDraining,
            figures: [ClusterReport.Figure.sockets: sockets])
        return ClusterReport(node: name, store: "its own", news: "none", nodes: [node])
    }

    /// Sockets that are open.
    private var sockets: Int {
        let figures = ServerFigures(page.server)
        return figures.connections(in: .webSocket, isSecure: false)
            + figures.connections(in: .webSocket, isSecure: true)
    }

    private func writeNode(to json: inout JSONWriter) {
        var usage = cl_usage()
        cl_process_usage(&usage)
        json.key("version")
        json.string(BuildFacts.version)
        json.key("commit")
        if let commit = BuildFacts.commit { json.string(commit) } else { json.null() }
        json.key("started")
        json.int(Int(usage.start_seconds))
        json.key("cpu_seconds")
        json.int(Int(usage.cpu_seconds))
        json.key("memory_bytes")
        json.int(Int(clamping: usage.resident_bytes))
        json.key("sockets")
        json.int(sockets)
    }

    static var readsAlone: Response {
        var response = Response(
            HTTPError(
                .methodNotAllowed, code: "method_not_allowed", message: "there is only GET here"))
        response.set("Allow", literal: "GET, HEAD")
        return response
    }

    static var refused: Response {
        Response(
            HTTPError(
                .forbidden, code: "origin_denied",
                message: "ask by address, and not from a page of another site"))
    }

    static var unnamed: Response {
        var response = Response(
            HTTPError(.unauthorized, code: "unauthorized", message: "ADMIN_TOKEN is needed"))
        response.set("WWW-Authenticate", literal: "Bearer")
        return response
    }

    private static func unstored(_ response: consuming Response) -> Response {
        response.set("Cache-Control", literal: "no-store")
        return response
    }
}
