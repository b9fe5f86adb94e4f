// A path from a request as the name of a file: decoded once, then held to be harmless, so that no
// name leads out of the folder that it is looked up in.

import MizuBytes

public enum SafePath {
    /// The name below a folder that `raw`, the part of a path behind a route's `*rest`, stands
    /// for: segments joined by `/`, none of them empty, `.` or `..`; without backslash, NUL and
    /// other control characters. Nil for everything else, an empty name included.
    public static func name(_ raw: UnsafeRawBufferPointer) -> String? {
        guard let bytes = PercentCoding.decode(raw) else { return nil }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else {
            return nil
        }
        let segments = bytes.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for segment in segments {
            if segment.isEmpty || segment.elementsEqual(".".utf8)
                || segment.elementsEqual("..".utf8)
            {
                return nil
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension Request {
    /// `SafePath.name` of what the route's wildcard `name` matched.
    public func fileName(_ name: String) -> String? {
        guard let range = parameters.range(of: name) else { return nil }
        return SafePath.name(range.bytes(in: headBytes))
    }
}
