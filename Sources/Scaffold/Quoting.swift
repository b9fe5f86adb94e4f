// How a text is written into a file of some syntax, so that it is that text there and nothing
// else. `mizu new` refuses what means something in several of them (`ProjectNames.checkText`);
// this is the second lock, for what is added later.

import MizuBytes

/// The syntax around a text that is put into a file.
enum Quoting: Sendable {
    /// Nothing to escape: prose, or a syntax for which the text was checked.
    case none
    /// Text and attribute values in double quotes.
    case html
    /// Between the quotes of a string.
    case json
    /// Between the quotes of a string literal.
    case swift

    static func of(path: String) -> Quoting {
        switch path.split(separator: ".").last {
        case "html", "svg": .html
        case "json", "webmanifest": .json
        case "swift": .swift
        default: .none
        }
    }

    /// A Swift string literal with its quotes. A control character becomes an escape.
    static func swift(_ text: String) -> String {
        "\"" + String(decoding: Quoting.swift.apply(to: Array(text.utf8)), as: UTF8.self) + "\""
    }

    func apply(to text: [UInt8]) -> [UInt8] {
        self == .none ? text : text.flatMap(escape)
    }

    private func escape(_ byte: UInt8) -> [UInt8] {
        switch (self, byte) {
        case (.html, UInt8(ascii: "&")): Array("&amp;".utf8)
        case (.html, UInt8(ascii: "<")): Array("&lt;".utf8)
        case (.html, UInt8(ascii: ">")): Array("&gt;".utf8)
        case (.html, UInt8(ascii: "\"")): Array("&quot;".utf8)
        case (.json, UInt8(ascii: "\"")), (.json, UInt8(ascii: "\\")),
            (.swift, UInt8(ascii: "\"")), (.swift, UInt8(ascii: "\\")):
            [UInt8(ascii: "\\"), byte]
        case (.json, 0..<0x20): Array("\\u00".utf8) + Hex.encode([byte])
        case (.swift, 0..<0x20): Array("\\u{".utf8) + Hex.encode([byte]) + [UInt8(ascii: "}")]
        default: [byte]
        }
    }
}
