// What echo-server answers to HTTP: what outside suites and load generators ask for, no more.

import MizuBytes
import MizuHTTP
import MizuRouting
import MizuServer
import MizuWebSocket

enum EchoRoutes {
    private static let hello = Response.text("Hello, World!")

    /// Every file of `/file/N` is made of parts of this one: memory does not grow with N.
    private static let slab = ByteSlice(
        SharedBytes(count: 1 << 20) { bytes in
            for index in bytes.indices {
                bytes[index] = UInt8(truncatingIfNeeded: 0x61 + index % 26)
            }
        })

    /// Bytes of the largest file.
    private static let fileBytesMax = 1 << 30

    /// Bytes that wait for all sockets, beyond which nothing more is published.
    static let queuedBytesMax = 512 << 20

    static func router(_ workers: Workers) -> Router {
        let hello = hello
        return Router { routes in
            routes.get("/") { request in request.bodyCount == 0 ? hello : echo(request) }
            for method in [HTTPMethod.post, .put, .patch, .delete] {
                routes.on(method, "/", echo)
            }
            routes.on(.options, "/") { request in
                guard request.bodyCount == 0 else { return echo(request) }
                var response = Response.status(.noContent)
                response.setAllow([.get, .head, .post, .put, .patch, .delete, .options])
                return response
            }
            routes.get("/echo", fields)
            routes.post("/echo", fields)
            routes.get("/cookie", cookies)
            routes.post("/cookie", cookies)
            routes.get("/file/:count", file)
            routes.get("/ws") { _ in .upgradeToWebSocket(service: 0) }
            routes.post("/publish") { request in try publish(request, to: workers) }
        }
    }

    /// The body back, with the type that it came with.
    private static func echo(_ request: borrowing Request) -> Response {
        var response = Response(
            status: .ok, mediaType: .octets, body: .slice(request.bodySlice()))
        if let type = request.header("content-type") {
            // What came in a field may stand in one.
            try? response.set("Content-Type", type)
        }
        return response
    }

    /// The fields as they were received, `Name: value` a line.
    private static func fields(_ request: borrowing Request) -> Response {
        var text = ByteBuffer(capacity: 1024)
        request.forEachField { name, value in
            text.append(name)
            text.append(": " as StaticString)
            text.append(value)
            text.append(0x0A as UInt8)
        }
        return Response(status: .ok, mediaType: .text, body: .slice(text.takeSlice()))
    }

    /// The cookies as they were received (RFC 6265 §5.4), `name=value` a line.
    private static func cookies(_ request: borrowing Request) -> Response {
        var text = ByteBuffer(capacity: 256)
        request.forEachValue(of: "cookie") { value in
            for pair in value.split(separator: UInt8(ascii: ";")) {
                let trimmed = pair.drop { $0 == 0x20 || $0 == 0x09 }
                guard !trimmed.isEmpty else { continue }
                text.append(UnsafeRawBufferPointer(rebasing: trimmed))
                text.append(0x0A as UInt8)
            }
        }
        return Response(status: .ok, mediaType: .text, body: .slice(text.takeSlice()))
    }

    private static func file(_ request: borrowing Request) -> Response {
        guard let text = request.parameter("count"), let count = ASCII.decimal(text),
            count <= fileBytesMax
        else { return .notFound }
        var (slices, rest) = ([ByteSlice](), count)
        while rest > 0 {
            let part = min(rest, slab.count)
            slices.append(part == slab.count ? slab : slab[0..<part])
            rest -= part
        }
        return Response(status: .ok, mediaType: .octets, body: .slices(slices))
    }

    /// The body to all subscribers, framed once; answered when every worker has it in its mail.
    private static func publish(
        _ request: borrowing Request, to workers: Workers
    ) throws -> Response {
        guard let topic = request.query["topic"], !topic.isEmpty, topic.utf8.count <= 256 else {
            throw HTTPError(
                .badRequest, code: "invalid_request", message: "write /publish?topic=T")
        }
        let body = request.bodySlice()
        guard body.withUnsafeBytes({ UTF8Validator.isValid($0) }) else {
            throw HTTPError(
                .badRequest, code: "invalid_request",
                message: "the body is not UTF-8, and a text message must be")
        }
        // A publisher that is faster than its subscribers is refused before memory is short.
        guard workers.queued.bytes < queuedBytesMax else {
            throw HTTPError(
                .serviceUnavailable, code: "unavailable", message: "too many messages wait")
        }
        let message = Publication(text: body, charging: workers.queued)
        let name = ByteSlice(topic)
        workers.performOnAll(EchoService.self) { service, _ in
            service.publish(message, to: name)
        }
        return .status(.accepted)
    }
}
