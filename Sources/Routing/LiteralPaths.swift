// The patterns that are plain text, found by the whole path in one look: most requests of most
// apps. A path that is written otherwise (percent-escapes), or whose method is not there, is not
// found and goes to the tree, which knows everything. No other result is possible: in the tree,
// text comes before parameters at each segment, so what is found here is what it would find. A
// shortcut is the one thing that is here alone: of its path the tree knows the pattern.

import MizuBytes
import MizuHTTP

/// Open addressing over paths of at most 64 bytes; built once, then only read.
struct LiteralPaths: Sendable {
    private struct Entry {
        /// The path's bytes in `bytes`.
        var offset: Int32 = 0
        var count: Int32 = 0
        var method: UInt8 = 0
        var route: Int32 = -1  // -1: empty
    }

    private var entries = [Entry](repeating: Entry(), count: 16)
    private var bytes: [UInt8] = []
    private var count = 0

    private static let pathBytesMax = 64

    /// Adds `pattern` unless it has parameters or is long.
    mutating func insert(_ pattern: String, method: HTTPMethod, route: Int) {
        let path = Array(pattern.utf8)
        // `OPTIONS *` has no path either, and is not about this one (RFC 9110 §9.3.7).
        guard !(method == .options && pattern == "/"), path.count <= Self.pathBytesMax,
            !path.contains(UInt8(ascii: "%")),
            !pattern.contains("/:"), !pattern.contains("/*")
        else { return }
        if (count + 1) * 2 > entries.count { grow() }
        let entry = Entry(
            offset: Int32(bytes.count), count: Int32(path.count), method: method.rawValue,
            route: Int32(route))
        bytes += path
        place(entry)
        count += 1
    }

    private mutating func grow() {
        let before = entries
        entries = [Entry](repeating: Entry(), count: before.count * 2)
        for entry in before where entry.route >= 0 { place(entry) }
    }

    private mutating func place(_ entry: Entry) {
        let start = Int(entry.offset)
        var slot = bytes[start..<start + Int(entry.count)].withUnsafeBytes {
            Self.hash($0, method: entry.method)
        }
        while entries[slot & (entries.count - 1)].route >= 0 { slot += 1 }
        entries[slot & (entries.count - 1)] = entry
    }

    /// FNV-1a over the length, the method and the last eight bytes: patterns differ at their end.
    @inline(__always)
    private static func hash(_ path: UnsafeRawBufferPointer, method: UInt8) -> Int {
        var hash: UInt32 = 0x811C_9DC5
        hash = (hash ^ UInt32(truncatingIfNeeded: path.count)) &* 0x0100_0193
        hash = (hash ^ UInt32(method)) &* 0x0100_0193
        for index in max(0, path.count - 8)..<path.count {
            hash = (hash ^ UInt32(path[index])) &* 0x0100_0193
        }
        return Int(hash & 0x7FFF_FFFF)
    }

    /// The route of `method` on exactly this path, or nil.
    @inline(__always)
    func find(_ path: UnsafeRawBufferPointer, method: HTTPMethod) -> Int? {
        guard path.count <= Self.pathBytesMax, path.count > 0 else { return nil }
        return entries.withUnsafeBufferPointer { entries in
            var slot = Self.hash(path, method: method.rawValue)
            while true {
                let entry = entries[slot & (entries.count - 1)]
                if entry.route < 0 { return nil }
                if entry.method == method.rawValue, Int(entry.count) == path.count,
                    isEqual(path, at: Int(entry.offset))
                {
                    return Int(entry.route)
                }
                slot &+= 1
            }
        }
    }

    @inline(__always)
    private func isEqual(_ path: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        bytes.withUnsafeBytes { bytes in
            for index in 0..<path.count where bytes[offset + index] != path[index] {
                return false
            }
            return true
        }
    }
}
