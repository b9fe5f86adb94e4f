// Log lines on standard error: time, level, words. Standard output is for `listening on` alone.
// Off the hot path: the server logs accidents, not requests.

import CLinux
import Glibc
import Logging
import MizuBytes

/// Standard error, as the process writes to it.
public enum StandardErrorLog {
    /// Writes `line` and a line feed in one write(2), for a person at a terminal. Any thread.
    public static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { cl_write(2, $0.baseAddress, $0.count) }
    }

    /// Returns a logger that writes lines of `level` and above to standard error.
    /// - Parameter journal: `JOURNAL_STREAM`. If it names standard error, lines begin with their
    ///   priority, so that `journalctl -p` can tell them apart (sd-daemon(3)).
    static func logger(level: Logger.Level, journal: String? = nil) -> Logger {
        let isJournal = journal.map(isStandardError) ?? false
        var logger = Logger(label: "mizu") { _ in StandardErrorHandler(hasPriority: isJournal) }
        logger.logLevel = level
        return logger
    }

    /// Whether `DEVICE:INODE` is where standard error goes: it may have been redirected since.
    private static func isStandardError(_ journal: String) -> Bool {
        var file = stat()
        return fstat(2, &file) == 0 && journal == "\(file.st_dev):\(file.st_ino)"
    }
}

private struct StandardErrorHandler: LogHandler {
    let hasPriority: Bool
    var logLevel = Logger.Level.info
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = ByteBuffer(capacity: 160)
        if hasPriority { line.append("<\(priority(of: event.level))>") }
        line.append(RFC3339.text(millisecondsSince1970: Int(cl_realtime_ms())))
        line.append(" \(event.level.rawValue) ")
        // One event is one line, whatever it quotes.
        append("\(event.message)", to: &line)
        let all = metadata.merging(event.metadata ?? [:]) { _, last in last }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            append(" \(key)=\(value)", to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        // One write for a line, so that lines of two threads do not mix.
        _ = cl_write(2, line.readable.baseAddress, line.count)
    }

    private func append(_ text: String, to line: inout ByteBuffer) {
        for byte in text.utf8 {
            line.append(byte < 0x20 && byte != 0x09 ? UInt8(ascii: " ") : byte)
        }
    }

    /// As syslog(3) numbers them.
    private func priority(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
