// What a request costs its address (RATE_LIMIT): taken when its head is there, before its body is
// read or anything is done, for every route. What it costs is declared with the route; bytes of the
// body cost besides. Who has nothing left is answered 429 with Retry-After, in words where a
// browser asks for a page. Its user pays behind the middleware that says who that is
// (`Routes.limitUsers`).

import MizuBytes
import MizuHTTP
import MizuRouting

/// Whether a request has been paid for.
enum Payment {
    case due
    /// When its head came; the length of its body was known, unless it was chunked.
    case taken
}

extension Worker {
    /// Takes what a request costs whose body is still to come.
    /// - Returns: what it is told where it comes too soon.
    func takePayment(for request: inout Request) -> Response? {
        guard limiter != nil else { return nil }
        return takePayment(.due, for: request, at: router.destination(of: &request).cost)
    }

    /// The handler's answer where the request is paid for.
    func respond(to request: inout Request, _ payment: Payment) -> Response {
        let destination = router.destination(of: &request)
        return takePayment(payment, for: request, at: destination.cost)
            ?? router.respond(to: &request, at: destination)
    }

    private func takePayment(
        _ payment: Payment, for request: borrowing Request, at cost: RouteCost
    ) -> Response? {
        guard let limiter, cost != .free || head.framing != .none,
            let asker = limiter.asker(request.peer)
        else { return nil }
        if payment == .due, cost != .free, let wait = limiter.wait(asker, cost, now: now) {
            return .tooOften(request, waitSeconds: wait)
        }
        // A body makes a debt rather than a refusal: large ones pass with any allowance.
        switch head.framing {
        case .none, .untilClose: break
        case .length(let count):
            if payment == .due { limiter.charge(asker, user: nil, .bytes(count), now: now) }
        // Its length is known only now.
        case .chunked: limiter.charge(asker, user: nil, .bytes(request.bodyCount), now: now)
        }
        return nil
    }
}

extension Response {
    /// 429 for who asks too often (protocol.md, `rate_limited`; RFC 6585 §4).
    public static func tooOften(_ request: borrowing Request, waitSeconds: Int) -> Response {
        var response: Response
        if request.header("accept")?.contains("text/html") == true {
            response = Response(
                status: .tooManyRequests, mediaType: .html,
                body: .slice(ByteSlice(page(waitSeconds: waitSeconds))))
            response.set("Cache-Control", literal: "no-store")
        } else {
            response = Response(
                HTTPError(
                    .tooManyRequests, code: "rate_limited",
                    message: "too many requests from this address or user; "
                        + "try again in \(waitSeconds) s"))
        }
        // Digits are always a valid value.
        try? response.set("Retry-After", String(waitSeconds))
        return response
    }

    private static func page(waitSeconds: Int) -> String {
        let wait = waitSeconds == 1 ? "1 second" : "\(waitSeconds) seconds"
        return """
            <!doctype html>
            <html lang="en"><meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Too many requests</title>
            <h1>Too many requests</h1>
            <p>This address, or this account, has sent too many requests in a short time.
            Please try again in \(wait).</p>
            </html>

            """
    }
}
