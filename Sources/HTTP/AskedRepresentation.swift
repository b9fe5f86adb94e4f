// Which form of a representation a request asks for, and on which conditions (RFC 9110 §12.5.3,
// §13.1.1, §13.1.2): what is left to know of a request that is answered later, when it has gone.
// Knows entity tags alone: dates (§13.1.3, §13.1.4) are for representations that have one, and a
// range is not looked at, which a server is free to do (§14.2).

import MizuBytes

public struct AskedRepresentation: Sendable {
    /// The coding that the client prefers.
    public let coding: ContentCoding
    private let isRead: Bool
    /// Lists of tags; nil where the field is missing.
    private let ifMatch: ByteSlice?
    private let ifNoneMatch: ByteSlice?

    /// Copies what there is to copy: for most requests nothing.
    public init(_ request: borrowing Request) {
        coding = .preferred(by: request)
        isRead = request.method == .get || request.method == .head
        ifMatch = Self.list(request, "if-match")
        ifNoneMatch = Self.list(request, "if-none-match")
    }

    /// Several lines are one list (§5.3).
    private static func list(
        _ request: borrowing Request, _ name: StaticString
    ) -> ByteSlice? {
        guard request.withHeader(name, { $0 != nil }) else { return nil }
        return request.header("\(name)").map { ByteSlice($0) }
    }

    /// Evaluates the conditions for a representation with `tag`, in the order of RFC 9110 §13.2.2.
    public func evaluate(_ tag: EntityTag) -> Preconditions {
        if let ifMatch, !Self.names(ifMatch, tag, by: .strong) { return .failed }
        guard let ifNoneMatch, Self.names(ifNoneMatch, tag, by: .weak) else { return .proceed }
        return isRead ? .notModified : .failed
    }

    /// `*` names whatever is there.
    private static func names(
        _ list: ByteSlice, _ tag: EntityTag, by comparison: EntityTag.Comparison
    ) -> Bool {
        list.withUnsafeBytes { $0.equals("*") || tag.isListed(in: $0, by: comparison) }
    }
}
