// What a compiler complained of, read from what `swift build` writes: place, severity, message and
// the lines of code below it. Whatever is not understood is left in the text, which is kept too.

import MizuBytes

/// One complaint.
public struct Diagnostic: Equatable, Sendable {
    public enum Severity: String, Sendable { case error, warning }

    /// Relative to the package if it lies inside; nil for complaints about the package itself.
    public var file: String?
    public var line: Int?
    public var column: Int?
    public var severity: Severity
    public var message: String
    /// Lines of code with the compiler's marks, as it drew them.
    public var excerpt: [String] = []
}

/// The complaints of one build.
public struct Diagnostics: Sendable, Equatable {
    public static let listedMax = 20
    public static let excerptLinesMax = 12
    private static let lineBytesMax = 400
    /// Lines of text that are kept if no complaint was understood.
    private static let tailLines = 30

    /// Each once, errors before warnings, at most `listedMax`.
    public private(set) var list: [Diagnostic] = []
    /// The end of what was written.
    public private(set) var tail = ""

    /// - Parameters:
    ///   - output: what the build wrote; not UTF-8 is repaired.
    ///   - root: the package's folder, taken off the paths of files.
    public init(output: [UInt8], root: String) {
        let lines = String(decoding: output, as: UTF8.self)
            .split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
            .map { Self.cut($0) }
        var found: [Diagnostic] = []
        var isInside = false
        for line in lines {
            if let diagnostic = Self.diagnostic(line, root: root) {
                isInside = true
                found.append(diagnostic)
            } else if isInside, Self.isExcerpt(line) {
                let last = found.count - 1
                if found[last].excerpt.count < Self.excerptLinesMax {
                    found[last].excerpt.append(String(line))
                }
            } else {
                isInside = false
            }
        }
        for severity in [Diagnostic.Severity.error, .warning] {
            for one in found where one.severity == severity && list.count < Self.listedMax {
                // The same complaint is written again for each module that meets it.
                let isKnown = list.contains {
                    $0.message == one.message && $0.file == one.file && $0.line == one.line
                }
                if !isKnown { list.append(one) }
            }
        }
        tail = lines.suffix(Self.tailLines).joined(separator: "\n")
    }

    public var errors: [Diagnostic] { list.filter { $0.severity == .error } }

    private static func cut(_ line: Substring) -> Substring {
        line.utf8.count <= lineBytesMax ? line : line.prefix(lineBytesMax)
    }

    /// ` 3 | let x = y` and `   |         ^`.
    private static func isExcerpt(_ line: Substring) -> Bool {
        guard let bar = line.firstIndex(of: "|") else { return false }
        return line[..<bar].allSatisfy { $0 == " " || ("0"..."9").contains($0) }
    }

    /// `PATH:LINE:COLUMN: error: MESSAGE`, or `error: MESSAGE` at the start of a line.
    private static func diagnostic(_ line: Substring, root: String) -> Diagnostic? {
        for severity in [Diagnostic.Severity.error, .warning] {
            let mark = severity.rawValue + ": "
            if line.hasPrefix(mark) {
                let message = String(line.dropFirst(mark.count))
                // What SwiftPM says about itself when a compiler failed.
                guard !message.hasPrefix("fatalError"), !message.hasPrefix("emit-module command"),
                    !message.isEmpty
                else { return nil }
                return Diagnostic(severity: severity, message: message)
            }
            guard let place = line.firstRange(of: ": " + mark) else { continue }
            let parts = line[..<place.lowerBound].split(
                separator: ":", omittingEmptySubsequences: false)
            guard parts.count >= 3, let column = Int(parts[parts.count - 1]),
                let row = Int(parts[parts.count - 2]), parts[0].hasPrefix("/")
            else { continue }
            var file = parts[..<(parts.count - 2)].joined(separator: ":")
            if file.hasPrefix(root + "/") { file.removeFirst(root.count + 1) }
            return Diagnostic(
                file: file, line: row, column: column, severity: severity,
                message: String(line[place.upperBound...]))
        }
        return nil
    }
}
