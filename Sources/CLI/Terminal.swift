// How the command speaks to a person: results on standard output, everything else on standard
// error. Colours only if a terminal reads them, and never with NO_COLOR (https://no-color.org).

import CLinux
import Glibc

enum Terminal {
    enum Style: String {
        case bold = "1"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case dim = "2"
    }

    /// Returns `text` in a style if `descriptor` is a terminal that shows it.
    static func styled(_ text: String, _ style: Style, on descriptor: Int32 = 1) -> String {
        hasColours(descriptor) ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    static func hasColours(_ descriptor: Int32) -> Bool {
        guard isatty(descriptor) == 1, value("NO_COLOR").isEmpty else { return false }
        return value("TERM") != "dumb"
    }

    /// Writes lines that are no result.
    static func complain(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = line.withUnsafeBytes { cl_write(2, $0.baseAddress, $0.count) }
    }

    /// `Error: …` and what to do about it, as every command says it.
    static func complain(_ message: String, hint: String?) {
        complain(styled("Error:", .red, on: 2) + " " + message)
        if let hint { complain(styled("Hint:", .yellow, on: 2) + "  " + hint) }
    }

    /// `Warning: …`, for what is done all the same.
    static func warn(_ message: String) {
        complain(styled("Warning:", .yellow, on: 2) + " " + message)
    }

    /// A word for a shell, quoted if it has to be.
    static func quoted(_ word: String) -> String {
        let isPlain = word.allSatisfy { letter in
            letter.isASCII && (letter.isLetter || letter.isNumber || "._/+@:,-".contains(letter))
        }
        if isPlain, !word.isEmpty { return word }
        return "'"
            + word.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }

    private static func value(_ name: String) -> String {
        getenv(name).map { String(cString: $0) } ?? ""
    }
}
