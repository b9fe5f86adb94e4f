// What is wrong with a template, and where: the one error of this room.
// Carries the template's source, so that a person can be shown the line (see `debugPage()`).

import MizuBytes

/// An error in one template, found when it was compiled, linked or rendered.
///
/// `description` is a line for a log: `views/pages/home.html:12:5: section "todos" is not closed`.
public struct TemplateError: Error, Sendable, CustomStringConvertible {
    /// The template's file as a person knows it, with `ViewOptions.folder` and suffix.
    public let template: String
    /// Counted from 1; 0 when the error belongs to no place (a page that does not exist).
    public let line: Int
    /// Counted from 1, in Unicode scalars; 0 when the error belongs to no place.
    public let column: Int
    /// The fault, for people, in one sentence without a full stop.
    public let reason: String
    /// The template's bytes; `nil` when there is no such template.
    public let source: ByteSlice?

    public var description: String {
        line > 0 ? "\(template):\(line):\(column): \(reason)" : "\(template): \(reason)"
    }

    /// An error about the template as a whole.
    init(template: String, reason: String) {
        self.template = template
        self.reason = reason
        line = 0
        column = 0
        source = nil
    }

    /// An error at `offset` in `source`, counted in bytes. O(offset).
    init(template: String, source: ByteSlice, offset: Int, reason: String) {
        self.template = template
        self.source = source
        self.reason = reason
        (line, column) = source.withUnsafeBytes { bytes in
            var (line, column) = (1, 1)
            for byte in bytes.prefix(offset) {
                if byte == UInt8(ascii: "\n") {
                    line += 1
                    column = 1
                } else if byte & 0b1100_0000 != 0b1000_0000 {
                    // Continuation bytes of UTF-8 belong to the scalar before them.
                    column += 1
                }
            }
            return (line, column)
        }
    }
}

/// Everything that is wrong with a set of templates, so that one start shows all of it.
public struct TemplateErrors: Error, Sendable, CustomStringConvertible {
    /// At least one, in the order of the files.
    public let errors: [TemplateError]

    /// One line for each error.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
