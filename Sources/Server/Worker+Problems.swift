// Errors as they are told: one line in the log for what went wrong inside, with the request's
// name (`RequestNames`), which the answer carries too; a page for browsers, JSON or plain text for
// others (RFC 9110 §12.1). Only where an answer is an error's: nothing of this touches another
// request.

import Logging
import MizuBytes
import MizuEventLoop
import MizuHTTP

/// How a worker tells errors.
public struct ProblemPages: Sendable {
    /// The page of an error for browsers; nil leaves the answer as it is.
    public var page: @Sendable (ProblemReport) -> Response?
    /// Whether causes are told to whoever asks: in development.
    public var showsCauses: Bool

    /// - Parameter page: by default none.
    public init(
        showsCauses: Bool = false,
        page: @escaping @Sendable (ProblemReport) -> Response? = { _ in nil }
    ) {
        self.page = page
        self.showsCauses = showsCauses
    }
}

extension Worker {
    /// Completes an answer that tells of a problem, and logs what went wrong inside, once.
    @inline(never)
    func settle(_ response: inout Response, for asked: AskedRequest) {
        guard let problem = response.problem else { return }
        response.problem = nil
        let pages = server.configuration.problems
        let report = ProblemReport(
            status: response.status, code: problem.code, message: problem.message,
            requestID: problem.cause == nil && response.status.code < 500
                ? nil : asked.name ?? state.pointee.names.next(),
            traceID: asked.trace, method: "\(asked.method.name)",
            route: router.pattern(of: asked.route), cause: problem.cause)
        if report.cause != nil { log(report) }
        if let id = report.requestID { try? response.set("X-Request-Id", id) }
        guard response.status.code >= 400 else { return }
        response.set("Cache-Control", literal: "no-store")
        guard problem.isGeneric else { return }
        response.addToList("Vary", member: "Accept")
        if asked.prefersPage, let page = pages.page(report) {
            response.mediaType = page.mediaType
            response.body = page.body
        } else if report.cause != nil || (asked.prefersJSON && response.mediaType == .text) {
            response.mediaType = .json
            response.body = .slice(report.json(showing: pages.showsCauses ? report.cause : nil))
        }
    }

    private func log(_ report: ProblemReport) {
        switch state.pointee.problemLines.take(now: now) {
        case .write: logger.error("\(report.logLine)")
        case .writeAfter(let left):
            logger.error("\(left) more requests failed meanwhile")
            logger.error("\(report.logLine)")
        case .leaveOut: break
        }
    }
}

/// So many lines a second: whoever finds a request that fails must not fill the disk with it.
struct LineBudget: Sendable {
    enum Verdict: Equatable { case write, writeAfter(leftOut: Int), leaveOut }

    static let linesPerSecond = 10
    private var windowEnds = Instant(nanoseconds: 0)
    private var written = 0
    private var leftOut = 0

    /// Whether the next line may be written; says how many were not since the last one.
    mutating func take(now: Instant) -> Verdict {
        if now >= windowEnds {
            windowEnds = now.adding(milliseconds: 1_000)
            written = 0
        }
        guard written < Self.linesPerSecond else {
            leftOut += 1
            return .leaveOut
        }
        written += 1
        defer { leftOut = 0 }
        return leftOut == 0 ? .write : .writeAfter(leftOut: leftOut)
    }
}
