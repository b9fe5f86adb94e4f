// Events for open pages, as lines for the app's process, which serves them at /_dev/events:
//
//   event SEQ JSON   something to do: swap stylesheets, load the page again
//   state SEQ JSON   how the build stands; the last one counts
//   beat             answer those who have waited for long
//   bye              this process is about to be replaced: let go of everybody
//
// A new process gets what its predecessor got, so a page that asks it misses nothing. Numbers
// grow from the time of day, so those of a later `mizu dev` are higher.

import CLinux
import MizuBytes
import MizuEventLoop

/// The events so far, and the pipe to the process that serves now.
final class PageEvents {
    private static let keptMax = 64
    private static let unsentMax = 1 << 20
    private static let messageBytesMax = 16 * 1024

    private var sequence = Int(WallClock.milliseconds)
    private var events: [[UInt8]] = []
    private var state: [UInt8] = []
    private var pipe: Descriptor?
    private var unsent: [UInt8] = []

    /// - Returns: the child's end of a pipe to a new process, which the caller owns; lines go there
    ///   from now on, first those that tell what was.
    func connect() throws(SystemError) -> Int32 {
        var ends: (Int32, Int32) = (-1, -1)
        let status = withUnsafeMutableBytes(of: &ends) {
            cl_pipe_to_child($0.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        try SystemError.check("pipe2", status)
        pipe = Descriptor(owning: ends.1)
        unsent = Array("event \(sequence) null\n".utf8) + events.joined() + state
        return ends.0
    }

    func disconnect() {
        pipe = nil
        unsent = []
    }

    func styles(_ paths: [String]) { event("css", paths) }
    func reload(_ paths: [String]) { event("reload", paths) }

    private func event(_ kind: StaticString, _ paths: [String]) {
        sequence += 1
        let line = line("event", sequence: sequence) { json in
            json.key("kind")
            json.string(kind)
            json.key("seq")
            json.int(sequence)
            json.key("paths")
            json.beginArray()
            for path in paths.prefix(100) { json.string(path) }
            json.endArray()
        }
        events.append(line)
        if events.count > Self.keptMax { events.removeFirst() }
        send(line)
    }

    /// - Parameters:
    ///   - phase: `ok`, `building` or `failed`.
    ///   - title: one line for the overlay.
    func state(
        _ phase: StaticString, title: String = "", _ diagnostics: Diagnostics? = nil,
        text: String = ""
    ) {
        sequence += 1
        state = line("state", sequence: sequence) { json in
            json.key("phase")
            json.string(phase)
            json.key("seq")
            json.int(sequence)
            json.key("title")
            json.string(title)
            json.key("text")
            json.string(String(text.suffix(Self.messageBytesMax)))
            json.key("diagnostics")
            json.beginArray()
            for diagnostic in diagnostics?.list ?? [] { diagnostic.write(into: &json) }
            json.endArray()
        }
        send(state)
    }

    func beat() { send(Array("beat\n".utf8)) }
    func bye() { send(Array("bye\n".utf8)) }

    /// Sends on what the pipe did not take before.
    func flush() {
        guard !unsent.isEmpty, let number = pipe?.raw else { return }
        let count = unsent.withUnsafeBytes { cl_write_some(number, $0.baseAddress, $0.count) }
        if count > 0 { unsent.removeFirst(count) }
    }

    var hasUnsent: Bool { pipe != nil && !unsent.isEmpty }

    private func send(_ line: [UInt8]) {
        guard pipe != nil else { return }
        // A process that has not read for so long will not: its successor gets what it missed.
        if unsent.count + line.count <= Self.unsentMax { unsent += line }
        flush()
    }

    private func line(
        _ word: String, sequence: Int, _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        members(&json)
        json.endObject()
        return Array("\(word) \(sequence) \(json.finish().string)\n".utf8)
    }
}

extension Diagnostic {
    func write(into json: inout JSONWriter) {
        json.beginObject()
        json.key("severity")
        json.string(severity.rawValue)
        json.key("message")
        json.string(message)
        if let file, let line, let column {
            json.key("file")
            json.string(file)
            json.key("line")
            json.int(line)
            json.key("column")
            json.int(column)
        }
        json.key("excerpt")
        json.string(excerpt.joined(separator: "\n"))
        json.endObject()
    }
}
