// Pages from templates, as handlers use them: a page or a clear failure, never half of one. In
// development a broken template answers with its file, line and reason; in production with a 500
// that says nothing, and a log line that says all. Any thread.

import Logging
import MizuBytes
import MizuHTTP
import MizuView

/// The compiled templates of an app. A value; any thread may render.
public struct Views: Sendable {
    private let set: ViewSet
    private let isDevelopment: Bool
    private let development: DevPages?
    private let client: BrowserClient
    /// Answers without their body: around a page that a handler renders, and around any other.
    private let handlersFrame, frame: Response
    private let logger: Logger

    /// Compiles every template below `views/`.
    /// - Parameters:
    ///   - development: adds the panel to pages if `mizu dev` runs the app.
    ///   - client: what pages import as "mizu".
    /// - Throws: every mistake in every template; in development nothing, because each page shows
    ///   its own mistakes.
    init(
        _ assets: Assets, isDevelopment: Bool, _ development: DevPages? = nil,
        client: BrowserClient, logger: Logger
    ) throws(TemplateErrors) {
        set = try ViewSet(
            paths: assets.names(below: "views/"),
            mode: isDevelopment ? .rereadOnChange : .compiledOnce
        ) { assets["views/" + $0] }
        self.isDevelopment = isDevelopment
        self.development = development
        self.client = client
        var frame = Response.html(.empty)
        // Cannot fail: the policy is made of what this program was built with.
        try? frame.set("Content-Security-Policy", client.policy)
        self.frame = frame
        // Nobody knows here whom the page is for, so none is a shared cache's (RFC 9111 §5.2.2.7).
        frame.set("Cache-Control", literal: "private, no-cache")
        handlersFrame = frame
        self.logger = logger
    }

    /// Renders the page `name` with `data`, and with `mizu.head` beside it: what the head of a page
    /// needs so that its scripts can import "mizu" (Assets/Guides/client.md).
    /// - Returns: the whole page, with `Cache-Control: private, no-cache`, which a handler may
    ///   replace by its own. If the template is broken or does not fit the data, it is a 500: in
    ///   development with file, line and reason, else with a line in the log.
    public func render(
        _ name: String, _ data: ViewValue, status: HTTPStatus = .ok
    ) -> Response {
        do throws(TemplateError) {
            let response = try page(name, data, status: status, in: handlersFrame)
            return development?.adding(to: response) ?? response
        } catch {
            guard isDevelopment else { return Response(internal: error) }
            var page = Response.html(error.debugPage(), status: .internalServerError)
            page.problem = Problem(
                code: "internal_error", message: error.reason, cause: Problem.cause(of: error),
                isGeneric: false)
            return development?.adding(to: page) ?? page
        }
    }

    /// The page `name`, or the error, for a caller that has an answer for it.
    func page(_ name: String, _ data: ViewValue) throws(TemplateError) -> Response {
        try page(name, data, status: .ok, in: frame)
    }

    private func page(
        _ name: String, _ data: ViewValue, status: HTTPStatus, in frame: Response
    ) throws(TemplateError) -> Response {
        var response = frame
        response.status = status
        response.body = .slice(try set.render(name, data, adding: client.members))
        return response
    }

    /// Renders the page `name` with what `value` encodes to; see the other `render`. A value that
    /// cannot be encoded is a 500.
    public func render(
        _ name: String, encoding value: some Encodable, status: HTTPStatus = .ok
    ) -> Response {
        do {
            return render(name, try ViewValue(encoding: value), status: status)
        } catch {
            return Response(internal: error)
        }
    }
}
