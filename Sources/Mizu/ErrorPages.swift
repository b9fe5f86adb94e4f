// Errors as browsers are shown them: the app's own page, the template `pages/error`, or a plain
// one; in development what went wrong inside, with the route. Plain means without styles and
// scripts, so that it shows under the strictest Content-Security-Policy. Any thread, once the app
// runs.

import Logging
import MizuBytes
import MizuHTTP
import MizuServer
import MizuView

/// What an app has said of its error pages.
struct ErrorPages: Sendable {
    /// The name of the template, which is used if it exists.
    static let template = "error"

    var own: (@Sendable (ProblemReport) -> Response?)?
    var views: Views?

    /// As the server wants it.
    func pages(
        of assets: Assets, isDevelopment: Bool, development: DevPages?, logger: Logger
    ) -> ProblemPages {
        let (own, views) = (self.own, self.views)
        let hasTemplate = assets["views/pages/\(Self.template).html"] != nil
        return ProblemPages(showsCauses: isDevelopment) { report in
            if isDevelopment, report.cause != nil {
                let page = Response.html(Self.plain(report, showing: report.cause))
                return development?.adding(to: page) ?? page
            }
            if let page = own?(report) { return page }
            guard hasTemplate, let views else { return .html(Self.plain(report)) }
            do throws(TemplateError) {
                return try views.page(Self.template, Self.data(of: report))
            } catch {
                // An error about an error: the plain page needs nothing.
                logger.error("\(error)")
                return .html(Self.plain(report))
            }
        }
    }

    /// What the template is rendered with.
    private static func data(of report: ProblemReport) -> ViewValue {
        [
            "status": ViewValue(Int(report.status.code)),
            "title": .string("\(report.status.reason)"),
            "message": .string(sentence(for: report)), "code": .string(report.code),
            "request_id": report.requestID.map { .string($0) } ?? .null,
        ]
    }

    /// A sentence for a person who knows no status codes.
    static func sentence(for report: ProblemReport) -> String {
        switch report.status.code {
        case 404 where report.code == "not_found" && report.message == "Not Found":
            "There is nothing at this address."
        case 405: "This address cannot be used that way."
        case 429: "That was too much at once. Wait a moment, then try again."
        case 500: "Something went wrong here. It is not your fault."
        case 503: "The server cannot answer just now. Try again in a moment."
        default: report.message
        }
    }

    private static func plain(_ report: ProblemReport, showing cause: String? = nil) -> ByteSlice {
        var page = ByteBuffer(capacity: 1024)
        page.append(
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>
            """ as StaticString)
        page.append("\(report.status.code) ")
        page.append(report.status.reason)
        page.append("</title>\n</head>\n<body>\n<main>\n<h1>" as StaticString)
        page.append(report.status.reason)
        page.append("</h1>\n<p>" as StaticString)
        page.append(escapingHTML: sentence(for: report))
        page.append("</p>\n" as StaticString)
        if let cause {
            page.append("<p><code>" as StaticString)
            page.append(escapingHTML: "\(report.method) \(report.route ?? "without a route")")
            page.append("</code></p>\n<pre>" as StaticString)
            page.append(escapingHTML: cause)
            page.append("</pre>\n" as StaticString)
        }
        if let id = report.requestID {
            page.append("<p>Request <code>" as StaticString)
            page.append(escapingHTML: id)
            page.append("</code></p>\n" as StaticString)
        }
        page.append("<p><a href=\"/\">Home</a></p>\n</main>\n</body>\n</html>\n" as StaticString)
        return page.takeSlice()
    }
}
