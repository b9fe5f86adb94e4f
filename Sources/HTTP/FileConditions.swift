// What a request for a file says about the answer that it wants, found in one walk over its fields:
// which codings, which condition. Nearly every request has `Accept-Encoding` and at most one
// `If-None-Match`; whatever else could matter makes it unusual, and is looked at one by one.

import MizuBytes

struct FileConditions {
    /// As `Accept-Encoding` has them.
    private(set) var codings = ContentCoding.Weights()
    /// The value of `If-None-Match`.
    private(set) var noneMatch: HeadRange?
    /// It has a range, another condition, or a field twice.
    private(set) var isUnusual = false

    init(of request: borrowing Request) {
        let bytes = request.headBytes
        for index in 0..<request.headPointer.pointee.fieldCount {
            let field = request.headPointer.pointee.line(index)
            let name = field.name.bytes(in: bytes)
            // Names by their length first: most are told apart by it.
            switch name.count {
            case 15 where name.equalsIgnoringCase("accept-encoding"):
                codings.read(field.value.bytes(in: bytes))
            case 13 where name.equalsIgnoringCase("if-none-match"):
                if noneMatch != nil { isUnusual = true }
                noneMatch = field.value
            case 5 where name.equalsIgnoringCase("range"),
                8 where name.equalsIgnoringCase("if-match"),
                17 where name.equalsIgnoringCase("if-modified-since"),
                19 where name.equalsIgnoringCase("if-unmodified-since"):
                isUnusual = true
            default: break
            }
        }
    }
}
