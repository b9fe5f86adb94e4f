// What a person at the terminal, or a program that reads `--json`, hears of `mizu dev`. For people:
// lines on standard error, one that is written over while a build goes on, colours if a terminal
// shows them. For programs: an object a line on standard output, each with `event` and `time`.

import CLinux
import MizuBytes
import MizuEventLoop

/// Reports what happens. One thread.
public final class DevReport {
    let isJSON: Bool
    private let isTerminal: Bool
    private let hasColours: Bool
    private var hasProgress = false
    private var progressed = Instant(nanoseconds: 0)
    private static let progressBytesMax = 76

    /// - Parameters:
    ///   - isJSON: events for programs instead of lines for people.
    ///   - environment: `NO_COLOR` and `TERM` are looked at.
    public init(isJSON: Bool, environment: [String: String]) {
        self.isJSON = isJSON
        isTerminal = !isJSON && cl_is_terminal(2) == 1
        let isPlain = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        hasColours = isTerminal && !isPlain
    }

    enum Tone: String {
        case plain = "", good = "\u{1B}[32m", bad = "\u{1B}[31m", dim = "\u{1B}[2m"
    }

    /// An event with its members, and the same in words.
    func event(
        _ name: StaticString, words: String, tone: Tone = .plain,
        _ members: (inout JSONWriter) -> Void = { _ in }
    ) {
        guard isJSON else { return say(words, tone) }
        var json = JSONWriter()
        json.beginObject()
        json.key("event")
        json.string(name)
        json.key("time")
        json.int(Int(WallClock.milliseconds))
        members(&json)
        json.endObject()
        Self.write(Array((json.finish().string + "\n").utf8), to: 1)
    }

    /// A line for people alone.
    func say(_ words: String, _ tone: Tone = .plain) {
        guard !isJSON, !words.isEmpty else { return }
        endProgress()
        let text = hasColours && tone != .plain ? tone.rawValue + words + "\u{1B}[0m" : words
        Self.write(Array("mizu dev: \(text)\n".utf8), to: 2)
    }

    /// What the build is at, written over the last such line; on terminals alone, ten times a
    /// second at most.
    func progress(_ words: String, seconds: Double, at now: Instant) {
        guard isTerminal, now.milliseconds(since: progressed) >= 100 else { return }
        progressed = now
        hasProgress = true
        let shown = words.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
        let text = String(String.UnicodeScalarView(shown.prefix(Self.progressBytesMax)))
        Self.write(Array("\r\u{1B}[K  \(Self.tenths(seconds)) s  \(text)".utf8), to: 2)
    }

    private func endProgress() {
        guard hasProgress else { return }
        hasProgress = false
        Self.write(Array("\r\u{1B}[K".utf8), to: 2)
    }

    /// What the app or the compiler wrote, as it is.
    func passOn(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        endProgress()
        Self.write(bytes, to: 2)
    }

    /// Complaints as people read them, with the code below.
    func list(_ diagnostics: Diagnostics) {
        guard !isJSON else { return }
        let shown = diagnostics.errors
        if shown.isEmpty { return passOn(Array((diagnostics.tail + "\n").utf8)) }
        for one in shown {
            var place = ""
            if let file = one.file, let line = one.line, let column = one.column {
                place = "\(file):\(line):\(column): "
            }
            let text = ["\(place)error: \(one.message)"] + one.excerpt
            passOn(Array((text.joined(separator: "\n") + "\n").utf8))
        }
    }

    /// Seconds with one digit after the point.
    static func tenths(_ seconds: Double) -> String {
        let tenths = Int((max(0, min(seconds, 1e6)) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        _ = bytes.withUnsafeBytes { cl_write(descriptor, $0.baseAddress, $0.count) }
    }
}
