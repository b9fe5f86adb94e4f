// What pages of other origins may do here (ALLOWED_ORIGINS), as browsers want to be told: CORS
// (Fetch §3.3). An origin that is named may do what the server's own pages may, cookies included.
// `*` opens public reads to every page, without cookies: safe methods, and the paths whose POST
// reads. Nothing else of a foreign origin comes this far: it was refused before (OriginPolicy).
//
// The lines that answers carry are made once; an answer knows them by their number.

import MizuBytes

/// The allowed origins and the lines of their answers. Read-only once made.
public struct CrossOrigin: Sendable {
    /// Which lines an answer carries: an index, 0 for none.
    public typealias Lines = UInt16

    /// As browsers write them, in lower case.
    public let origins: [String]
    /// Every page may read what is public.
    public let isPublic: Bool
    /// Paths where POST changes nothing.
    private let readPaths: [StaticString]
    /// Field lines in wire form. 1: no permission, and what caches must know; 2: everybody's; from
    /// `firstNamed` on: one of `origins`.
    private let lines: [[UInt8]]
    private static let firstNamed: Lines = 3

    /// Beyond it the list of fields that a preflight asks for is not read.
    private static let askedBytesMax = 1_024
    private static let exposed = """
        Access-Control-Expose-Headers: Retry-After, X-Request-Id, Link, ETag, Location, \
        Content-Range, Allow\r\n
        """

    /// - Parameters:
    ///   - origins: each of them `isOrigin`.
    ///   - isPublic: whether every other origin may read what is public.
    ///   - readPaths: paths where POST changes nothing.
    public init(
        _ origins: [String] = [], isPublic: Bool = false, readPaths: [StaticString] = []
    ) {
        self.origins = origins.map(CrossOrigin.serialized)
        self.isPublic = isPublic
        self.readPaths = readPaths
        // Caches must not give the answer for one origin to another (Fetch §3.3.5).
        let vary = origins.isEmpty ? "" : "Vary: Origin\r\n"
        let open = isPublic ? "Access-Control-Allow-Origin: *\r\n" + Self.exposed : ""
        let named = self.origins.map { origin in
            "Access-Control-Allow-Origin: \(origin)\r\nAccess-Control-Allow-Credentials: true\r\n"
                + Self.exposed + vary
        }
        lines = (["", vary, open + vary] + named).map { Array($0.utf8) }
    }

    public var isEmpty: Bool { origins.isEmpty && !isPublic }

    /// Whether `text` is `scheme://host[:port]`; apps in a shell of their own have schemes of their
    /// own (`capacitor://localhost`).
    public static func isOrigin(_ text: String) -> Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), text.count <= 255 else {
            return false
        }
        let (scheme, rest) = (text[..<colon], text[colon...])
        let isScheme =
            scheme.first?.isASCII == true && scheme.first?.isLetter == true
            && scheme.utf8.allSatisfy { $0.has(.token) }
        guard isScheme, rest.hasPrefix("://") else { return false }
        let authority = Array(rest.dropFirst(3).utf8)
        return authority.withUnsafeBytes { bytes in
            // A colon needs its port: browsers write none alone.
            HostSyntax(bytes).map { $0.port != nil || $0.nameCount == bytes.count } ?? false
        }
    }

    /// As a browser writes it: lower case, without the scheme's own port.
    private static func serialized(_ text: String) -> String {
        let origin = text.lowercased()
        for (scheme, port) in [("https://", ":443"), ("http://", ":80")]
        where origin.hasPrefix(scheme) && origin.hasSuffix(port) {
            return String(origin.dropLast(port.count))
        }
        return origin
    }

    // MARK: Judging

    /// The lines of the answer to a request of the foreign `origin`; nil: it is refused.
    func lines(for origin: UnsafeRawBufferPointer, of request: borrowing Request) -> Lines? {
        for index in origins.indices {
            var known = origins[index]
            let isIt = known.withUTF8 { origin.equalsIgnoringCase(UnsafeRawBufferPointer($0)) }
            // "null" names nobody, and is no origin that can be listed.
            if isIt { return Self.firstNamed + Lines(truncatingIfNeeded: index) }
        }
        return isPublic && isPublicRead(request) ? 2 : nil
    }

    /// The lines of the answer to a request of no foreign origin.
    public func lines(of request: borrowing Request) -> Lines {
        if isPublic, isPublicRead(request) { return 2 }
        return origins.isEmpty ? 0 : 1
    }

    private func isPublicRead(_ request: borrowing Request) -> Bool {
        // A WebSocket carries cookies and is heard by who opened it: no public read.
        if request.head.wantsUpgrade { return false }
        let method = CrossOrigin.method(of: request)
        if method.isSafe { return true }
        return method == .post
            && request.withPath { path in
                readPaths.contains { path.equals($0) }
            }
    }

    /// The method that is meant: of a preflight the one that it asks for.
    private static func method(of request: borrowing Request) -> HTTPMethod {
        guard request.method == .options else { return request.method }
        return request.withHeader("access-control-request-method") { asked in
            asked.map { HTTPMethod($0) } ?? .options
        }
    }

    // MARK: Answering

    /// The answer to a preflight (Fetch §3.3.2) of an allowed origin; nil where it is none.
    public func preflight(_ request: borrowing Request, _ lines: Lines) -> Response? {
        guard request.method == .options,
            request.head.first("access-control-request-method", in: request.headBytes) != nil
        else { return nil }
        var response = Response(status: .noContent)
        let isNamed = lines >= Self.firstNamed
        response.appendField(
            "Access-Control-Allow-Methods",
            literal: isNamed ? "GET, HEAD, POST, PUT, PATCH, DELETE" : "GET, HEAD, POST")
        response.appendField(
            "Access-Control-Allow-Headers",
            checked: isNamed ? Self.allowedFields(request) : "Content-Type")
        // As long as browsers keep it at most (Chromium); what follows is judged all the same.
        response.appendField("Access-Control-Max-Age", literal: "7200")
        response.appendField(
            "Vary", literal: "Access-Control-Request-Method, Access-Control-Request-Headers")
        return response
    }

    /// Whoever may send cookies may send any field: what is asked for, where it is a list of names.
    private static func allowedFields(_ request: borrowing Request) -> String {
        let usual = "Content-Type, Authorization, Accept, If-Match, If-None-Match, Range"
        return request.withHeader("access-control-request-headers") { asked in
            guard let asked, !asked.isEmpty, asked.count <= askedBytesMax else { return usual }
            var areNames = true
            asked.forEachPart(UInt8(ascii: ",")) { name in
                areNames = name.allSatisfy { $0.has(.token) }
                return areNames
            }
            return areNames ? asked.text : usual
        }
    }

    /// Adds the lines to an answer, and lets other sites embed it, unless its handler said
    /// otherwise.
    public func write(_ lines: Lines, to response: inout Response) {
        guard Int(lines) < self.lines.count else { return }
        response.fields += self.lines[Int(lines)]
        // The field knows no list of origins (Fetch §3.7).
        if !response.has("cross-origin-resource-policy") {
            response.appendField("Cross-Origin-Resource-Policy", literal: "cross-origin")
        }
    }
}
