// The page that a developer sees instead of the one that could not be rendered: where, what, and
// the lines around it. Plain HTML without scripts or styles, so that it shows under the strictest
// Content-Security-Policy. For development only: it shows source.

import MizuBytes

extension TemplateError {
    /// Lines shown before and behind the one with the error.
    private static let contextLines = 5
    /// Bytes shown of one line: a minified file must not become a page of megabytes.
    private static let lineBytesMax = 400

    /// A page for status 500 that shows file, line and reason, and marks the line.
    /// `text/html; charset=utf-8`; everything in it that is not ours is escaped. O(source).
    public func debugPage() -> ByteSlice {
        var page = ByteBuffer(capacity: 2048)
        page.append(
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Template error</title>
            </head>
            <body>
            <main>
            <h1>Template error</h1>
            <p><strong>
            """ as StaticString)
        page.append(escapingHTML: reason)
        page.append("</strong></p>\n<p><code>" as StaticString)
        page.append(escapingHTML: line > 0 ? "\(template):\(line):\(column)" : template)
        page.append("</code></p>\n" as StaticString)
        appendSource(to: &page)
        page.append("</main>\n</body>\n</html>\n" as StaticString)
        return page.takeSlice()
    }

    /// The lines around the error as a `<pre>`, with a pointer below the column.
    private func appendSource(to page: inout ByteBuffer) {
        guard let source, line > 0 else { return }
        let first = max(1, line - TemplateError.contextLines)
        let last = line + TemplateError.contextLines
        let width = String(last).utf8.count
        page.append("<pre>" as StaticString)
        var number = 1
        var start = 0
        while number <= last, start <= source.count {
            var end = start
            while end < source.count, source[end] != UInt8(ascii: "\n") { end += 1 }
            let isLastEmptyLine = start == source.count && number != line
            if number >= first, !isLastEmptyLine {
                append(source[start..<end], number: number, width: width, to: &page)
            }
            start = end + 1
            number += 1
        }
        page.append("</pre>\n" as StaticString)
    }

    private func append(
        _ text: ByteSlice, number: Int, width: Int, to page: inout ByteBuffer
    ) {
        let isCulprit = number == line
        let label = String(number)
        if isCulprit { page.append("<mark>" as StaticString) }
        page.append(isCulprit ? "&gt; " : "  " as StaticString)
        page.append(String(repeating: " ", count: max(0, width - label.utf8.count)))
        page.append(label)
        page.append(" | " as StaticString)
        let shown = text[0..<min(text.count, TemplateError.lineBytesMax)]
        // As text, because a cut inside a character would be ill-formed UTF-8.
        page.append(escapingHTML: shown.string)
        if shown.count < text.count { page.append(" …" as StaticString) }
        if isCulprit { page.append("</mark>" as StaticString) }
        page.append(UInt8(ascii: "\n"))
        guard isCulprit, column <= TemplateError.lineBytesMax else { return }
        // Tabs stay tabs, so that the pointer stands below its character.
        var pointer = String(repeating: " ", count: width + 2) + " | "
        for scalar in text.string.unicodeScalars.prefix(column - 1) {
            pointer.append(scalar == "\t" ? "\t" : " ")
        }
        page.append(pointer)
        page.append("^\n" as StaticString)
    }
}
