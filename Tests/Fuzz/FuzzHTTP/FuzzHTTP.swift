// libFuzzer over heads, bodies and pipelines of requests: whatever the bytes, parsing them whole
// and parsing them in two parts must agree, and nothing may trap. The first two bytes choose the
// cut; the rest is what a peer sends. Run it with `SWIFT_BACKTRACE=enable=no`.

import MizuBytes
import MizuHTTP

private let limits = HTTPLimits(
    headBytesMax: 2_048, fieldsMax: 8, targetBytesMax: 200, bodyBytesMax: 500,
    chunkLineBytesMax: 40, trailerBytesMax: 60)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count >= 2 else { return 0 }
    let input = UnsafeRawBufferPointer(start: data + 2, count: count - 2)
    let cut = (Int(data[0]) << 8 | Int(data[1])) % (input.count + 1)
    var whole = Pipeline()
    whole.feed(input, upTo: input.count)
    var parts = Pipeline()
    parts.feed(input, upTo: cut)
    parts.feed(input, upTo: input.count)
    precondition(whole.log == parts.log, "two ways of arriving, two outcomes")
    readAnswer(input)
    return 0
}

/// A connection's parsing without the connection: heads and bodies in turn, until a refusal.
private struct Pipeline {
    private(set) var log: [String] = []
    private var offset = 0
    private var parser = RequestParser()
    private var head = RequestHead()
    private var reader: BodyReader?
    private var body: [UInt8] = []
    private var isRefused = false

    mutating func feed(_ input: UnsafeRawBufferPointer, upTo end: Int) {
        while !isRefused, offset < end {
            let part = UnsafeRawBufferPointer(rebasing: input[offset..<end])
            guard reader == nil ? readHead(part) : readBody(part) else { return }
        }
    }

    /// False where more is needed.
    private mutating func readHead(_ part: UnsafeRawBufferPointer) -> Bool {
        switch parser.parse(part, into: &head, limits: limits) {
        case .needMore: return false
        case .reject(let reject): refuse(reject)
        case .head(let consumed):
            let fields = head.fields.map { [UInt8]($0.value.bytes(in: part)) }
            log.append("\(head.method) \(head.path) \(head.host) \(head.framing) \(fields)")
            readRequest(part)
            offset += consumed
            reader = BodyReader(head.framing, limits: limits)
            body = []
            // A body of no bytes is complete before the next byte is there.
            _ = readBody(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return true
    }

    private mutating func readBody(_ part: UnsafeRawBufferPointer) -> Bool {
        guard var current = reader else { return false }
        var output = ByteBuffer(capacity: 64)
        let outcome = current.read(part, into: &output)
        reader = current
        body += output.readable
        switch outcome {
        case .needMore(let consumed):
            offset += consumed
            return consumed > 0
        case .complete(let consumed):
            offset += consumed
            log.append("\(body)")
            reader = nil
        case .reject(let reject): refuse(reject)
        }
        return true
    }

    private mutating func refuse(_ reject: HTTPReject) {
        log.append("\(reject) \(reject.status.code)")
        isRefused = true
    }

    /// Everything that a handler can ask of a head.
    private func readRequest(_ bytes: UnsafeRawBufferPointer) {
        withUnsafePointer(to: head) { head in
            let request = Request(
                head: head, headBytes: bytes, body: bytes,
                exchange: ExchangeID(worker: 0, connection: 0, sequence: 0), peer: .local)
            _ = (request.path, request.target, request.host, request.query["a"])
            _ = request.cookie("a")
            _ = OriginPolicy(
                hosts: HostPolicy(machine: ["a"]),
                shared: CrossOrigin(["http://a"], isPublic: true, readPaths: ["/a"])
            ).verdict(on: request)
            _ = ContentCoding.preferred(by: request)
            _ = SafePath.name(request.head.path.bytes(in: bytes))
            let file = Representation("0123456789", mediaType: .text, lastModified: 784_111_777)
            _ = file.respond(to: request).body.count
        }
    }
}

private func readAnswer(_ input: UnsafeRawBufferPointer) {
    var head = ResponseHead()
    if case .head(let consumed) = ResponseParser.parse(
        input, into: &head, answering: .get, limits: limits)
    {
        precondition(consumed <= input.count, "a head ends within the input")
    }
}
