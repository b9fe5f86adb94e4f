// Reads the cases of the Mustache spec from ../shared/vectors, where they are there.

import Glibc
import MizuBytes
import MizuView

/// One case of a spec file.
struct SpecCase: Sendable, CustomStringConvertible {
    let file: String
    let name: String
    let data: ViewValue
    let template: ByteSlice
    let partials: [String: ByteSlice]
    let expected: String

    var description: String { "\(file): \(name)" }

    static let files = [
        "comments", "delimiters", "interpolation", "inverted", "partials", "sections",
        "~inheritance", "~dynamic-names",
    ]

    static var filesPresent: [String] { files.filter { read("\(folder)/\($0).json") != nil } }
    static var filesAbsent: [String] { files.filter { read("\(folder)/\($0).json") == nil } }

    /// Where the vectors are: beside the worktree, or where `MIZU_SHARED` says.
    static var folder: String {
        if let shared = getenv("MIZU_SHARED") {
            return String(cString: shared) + "/vectors/mustache"
        }
        var parts = #filePath.split(separator: "/").dropLast(4)
        parts += ["shared", "vectors", "mustache"]
        return "/" + parts.joined(separator: "/")
    }

    /// The cases of a file; `nil` where it is absent.
    static func cases(of file: String) throws -> [SpecCase]? {
        guard let bytes = read("\(folder)/\(file).json") else { return nil }
        let tests = try JSON.parse(bytes).member("tests")
        return try tests.map { tests in
            try tests.elements.map { test in
                var partials: [String: ByteSlice] = [:]
                for (key, value) in test.member("partials")?.members ?? JSONValue.none.members {
                    partials[try require(key.string)] = try require(value.utf8)
                }
                return SpecCase(
                    file: file, name: try require(test.member("name")?.string),
                    data: ViewValue(try require(test.member("data"))),
                    template: try require(test.member("template")?.utf8), partials: partials,
                    expected: try require(test.member("expected")?.string))
            }
        }
    }

    private struct Malformed: Error {}

    private static func require<T>(_ value: T?) throws -> T {
        guard let value else { throw Malformed() }
        return value
    }

    private static func read(_ path: String) -> ByteSlice? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = ByteBuffer(capacity: 1 << 16)
        while true {
            buffer.reserve(1 << 14)
            let count = fread(buffer.writable.baseAddress, 1, 1 << 14, file)
            guard count > 0 else { return buffer.takeSlice() }
            buffer.advance(written: count)
        }
    }
}

extension JSONValue {
    fileprivate static let none = JSONValue(validated: "{}")
}
