// Log lines on standard error: time, level, words. Standard output is for `listening on` alone.
// Off the hot path: the server logs accidents, not requests.

import CLinux
import Logging
import MizuBytes

public enum StandardErrorLog {
    /// Writes one line, for a person at a terminal.
    public static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { cl_write(2, $0.baseAddress, $0.count) }
    }

    /// A logger that writes lines of `level` and above to standard error.
    static func logger(level: Logger.Level) -> Logger {
        var logger = Logger(label: "mizu") { _ in StandardErrorHandler() }
        logger.logLevel = level
        return logger
    }
}

private struct StandardErrorHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = ByteBuffer(capacity: 160)
        line.append(RFC3339.text(millisecondsSince1970: Int(cl_realtime_ms())))
        line.append(" \(event.level.rawValue) ")
        // One event is one line, whatever it quotes.
        for byte in "\(event.message)".utf8 {
            line.append(byte < 0x20 && byte != 0x09 ? UInt8(ascii: " ") : byte)
        }
        line.append(UInt8(ascii: "\n"))
        // One write for a line, so that lines of two threads do not mix.
        _ = cl_write(2, line.readable.baseAddress, line.count)
    }
}
