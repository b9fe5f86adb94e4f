// Types that do not encode their members one after the other: they are written as the tree has
// them, and so is everything else.

import Testing

@testable import MizuBytes

/// Encodes as its closure says.
private struct Odd: Encodable {
    enum Key: String, CodingKey { case a, b, c, d, extra = "super" }
    let body: @Sendable (any Encoder) throws -> Void

    init(_ body: @escaping @Sendable (any Encoder) throws -> Void) { self.body = body }
    func encode(to encoder: any Encoder) throws { try body(encoder) }
}

private func tree(_ value: some Encodable) throws -> String {
    let root = JSONNode()
    try JSONNodeEncoder(node: root, codingPath: []).encode(value)
    var buffer = ByteBuffer(capacity: 64)
    root.write(into: &buffer, escaping: .standard)
    return buffer.finish().string
}

private let oddities: [Odd] = [
    // In order: nested containers are over when the outer one goes on.
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        var inner = outer.nestedContainer(keyedBy: Odd.Key.self, forKey: .a)
        try inner.encode(1, forKey: .a)
        var list = inner.nestedUnkeyedContainer(forKey: .b)
        try list.encode("x")
        try list.encodeNil()
        var deep = list.nestedContainer(keyedBy: Odd.Key.self)
        try deep.encode(true, forKey: .d)
        try outer.encode(2.5, forKey: .c)
    },
    // Back to a container behind which another was begun.
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        var inner = outer.nestedContainer(keyedBy: Odd.Key.self, forKey: .a)
        try outer.encode("later", forKey: .b)
        try inner.encode("after all", forKey: .c)
    },
    // A member that comes again counts in its first place.
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        try outer.encode(1, forKey: .a)
        try outer.encode(2, forKey: .b)
        try outer.encode(3, forKey: .a)
    },
    // Two containers for one object.
    Odd { encoder in
        var first = encoder.container(keyedBy: Odd.Key.self)
        try first.encode(1, forKey: .a)
        var second = encoder.container(keyedBy: Odd.Key.self)
        try second.encode(2, forKey: .b)
    },
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        try outer.encode(1, forKey: .a)
        try 2.encode(to: outer.superEncoder())
        try "x".encode(to: outer.superEncoder(forKey: .c))
    },
    Odd { encoder in
        var list = encoder.unkeyedContainer()
        while list.count < 3 { try list.encode(list.count) }
        var inner = list.nestedUnkeyedContainer()
        try inner.encode(Float(0.1))
        try list.encode(UInt64.max)
    },
    // Nothing at all.
    Odd { _ in },
    Odd { encoder in _ = encoder.container(keyedBy: Odd.Key.self) },
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        try outer.encode(Odd { _ in }, forKey: .a)
        try outer.encode([Odd { _ in }], forKey: .b)
    },
    // A scalar twice: the last one counts.
    Odd { encoder in
        var single = encoder.singleValueContainer()
        try single.encode(1)
        try single.encode("two")
    },
    // A dictionary inside.
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        try outer.encode("x", forKey: .b)
        try outer.encode(["z": 1, "y": 2, "x": 3], forKey: .a)
    },
    Odd { encoder in
        var outer = encoder.container(keyedBy: Odd.Key.self)
        try outer.encode(encoder.codingPath.count, forKey: .a)
        try outer.encode(
            Odd { inner in
                var single = inner.singleValueContainer()
                try single.encode(inner.codingPath.map(\.stringValue))
            }, forKey: .b)
    },
]

@Suite("Encodable types that are written at once, or not")
struct JSONStreamEncoderTests {
    @Test("whatever a type does with its containers, the text is the tree's")
    func shapes() throws {
        for value in oddities {
            #expect(try JSONEncoding.encode(value).string == tree(value))
            #expect(try JSONEncoding.encode([value, value]).string == tree([value, value]))
        }
    }

    @Test("more members than are looked through")
    func manyMembers() throws {
        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
        let value = Odd { encoder in
            var outer = encoder.container(keyedBy: Key.self)
            for number in 0..<100 {
                try outer.encode(number, forKey: Key(stringValue: "key\(number % 60)"))
            }
        }
        #expect(try JSONEncoding.encode(value).string == tree(value))
    }

    @Test("what fails leaves the buffer as it was, and is told with its place")
    func failure() throws {
        struct Inner: Encodable { var ratio: Double }
        struct Outer: Encodable {
            var name = "x"
            var inner: Inner
        }
        var buffer = ByteBuffer(capacity: 4)
        buffer.append("before" as StaticString)
        let error = JSONError(
            offset: 0, reason: .refused(path: "inner.ratio", why: "inf has no form in JSON"))
        #expect(throws: error) {
            try JSONEncoding.encode(Outer(inner: Inner(ratio: .infinity)), into: &buffer)
        }
        try JSONEncoding.encode(Outer(inner: Inner(ratio: 1)), into: &buffer)
        #expect(buffer.finish().string == #"before{"name":"x","inner":{"ratio":1}}"#)
    }

    @Test("a type that keeps its encoder writes to nothing")
    func keptEncoder() throws {
        final class Keeper: @unchecked Sendable { var encoder: (any Encoder)? }
        let keeper = Keeper()
        let value = Odd { encoder in
            keeper.encoder = encoder
            var single = encoder.singleValueContainer()
            try single.encode(1)
        }
        #expect(try JSONEncoding.encode(value).string == "1")
        var late = keeper.encoder?.singleValueContainer()
        #expect(throws: (any Error).self) { try late?.encode(2) }
    }

    @Test("every string is escaped as before, at whatever place of eight bytes")
    func escapes() throws {
        for special in ["\"", "\\", "\n", "\u{1F}", "é", "\u{2028}", "😀", "\u{7F}", ""] {
            for length in 0..<20 {
                let text =
                    String(repeating: "a", count: length) + special
                    + String(repeating: "b", count: 19 - length)
                var slow = "\""
                for scalar in text.unicodeScalars {
                    switch scalar {
                    case "\"": slow += "\\\""
                    case "\\": slow += "\\\\"
                    case "\n": slow += "\\n"
                    case "\u{1F}": slow += "\\u001f"
                    default: slow.unicodeScalars.append(scalar)
                    }
                }
                slow += "\""
                #expect(try JSONEncoding.encode(text).string == slow)
            }
        }
    }
}
