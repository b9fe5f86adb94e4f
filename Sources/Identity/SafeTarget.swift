// Where a person is sent after signing in: `next=` of the page's address. It comes from outside, so
// it may lead to a path of this server and nowhere else: "//other.example" is a path to a human and
// another site to a browser, and so is "/\other.example". Pure functions.

public enum SafeTarget {
    /// `target` if it is a path of this server, else `fallback`.
    public static func path(_ target: String?, else fallback: String) -> String {
        guard let target, isPath(target) else { return fallback }
        return target
    }

    /// Browsers drop tabs and line feeds from addresses and read a backslash as a slash (URL
    /// Standard, "basic URL parser"), so a path that holds one of them is not taken at all.
    static func isPath(_ target: String) -> Bool {
        let bytes = Array(target.utf8)
        guard bytes.count <= 2_048, bytes.first == UInt8(ascii: "/"),
            bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") })
        else { return false }
        return bytes.count == 1 || bytes[1] != UInt8(ascii: "/")
    }
}
