// The access log's writer: one thread that owns the file. Workers hand it batches of whole lines
// and never wait for it: what would be over `pendingBytesMax` is dropped, counted and reported. A
// disk that is full costs lines, not answers; the first write that succeeds again begins a line.
//
//   worker ──post──► mailbox ──► writer's thread ──► file      SIGUSR1 ──reopen──► the same mailbox

import CLinux
import Logging
import MizuBytes
import MizuEventLoop
import Synchronization

/// A log of requests in a file or on standard output. Any thread.
package final class AccessLog: Sendable {
    /// Bytes of lines that wait for the file; beyond it lines are dropped.
    static let pendingBytesMax = 4 << 20
    /// How often, at most, lost lines are spoken of.
    static let reportMilliseconds: UInt64 = 60_000
    /// How long `stop` waits for what is still to be written.
    static let stopMilliseconds: UInt64 = 2_000

    private enum Mail: Sendable {
        case lines([UInt8], count: Int)
        case reopen
    }

    package let format: AccessLogFormat
    /// `-` is standard output.
    private let path: String
    private let logger: Logger
    private let thread: MailThread<Mail>
    private let pendingBytes = Atomic<Int>(0)
    private let droppedLines = Atomic<Int>(0)
    private let firstFile: Mutex<LogFile?>

    /// Opens the file; made with mode 0640 where it is missing.
    /// - Parameter path: the file, or `-` for standard output.
    package init(
        path: String, format: AccessLogFormat, logger: Logger
    ) throws(SystemError) {
        self.path = path
        self.format = format
        self.logger = logger
        thread = try MailThread("mizu-access-log")
        firstFile = Mutex(try LogFile(path))
    }

    /// Starts the writer's thread. What was posted before is written then.
    package func start() throws(SystemError) {
        guard let file = firstFile.withLock({ $0.take() }) else { return }
        try thread.start(handover: file) { self.run($0, &$1) }
    }

    /// Hands over whole lines. Never waits.
    func post(_ lines: [UInt8], count: Int) {
        let waiting = pendingBytes.add(lines.count, ordering: .relaxed).newValue
        guard waiting <= Self.pendingBytesMax else {
            pendingBytes.subtract(lines.count, ordering: .relaxed)
            droppedLines.add(count, ordering: .relaxed)
            return
        }
        thread.post(.lines(lines, count: count))
    }

    /// Opens the path anew, after what was posted before is written: the old file may have been
    /// moved away (logrotate). Where that fails the old one stays.
    package func reopen() { thread.post(.reopen) }

    /// Writes what waits and ends the thread; gives up after `stopMilliseconds`, because nobody may
    /// be reading the other end. Call it after the workers have ended.
    package func stop() {
        guard thread.stop(withinMilliseconds: Self.stopMilliseconds) == .late else { return }
        logger.warning("the access log is incomplete: its reader does not read")
    }

    // MARK: The writer's thread

    private func run(_ file: consuming LogFile, _ inbox: inout MailInbox<Mail>) {
        var file = file
        var losses = Losses()
        while inbox.receive() == .goOn {
            for mail in inbox.mail {
                switch mail {
                case .lines(let lines, let count):
                    do throws(SystemError) {
                        try file.write(lines)
                    } catch {
                        losses.add(count, because: error.reason)
                    }
                    pendingBytes.subtract(lines.count, ordering: .relaxed)
                case .reopen: reopen(&file)
                }
            }
            countDropped(&losses)
            losses.reportSometimes(to: logger, every: Self.reportMilliseconds)
        }
        countDropped(&losses)
        losses.report(to: logger)
    }

    private func countDropped(_ losses: inout Losses) {
        let count = droppedLines.exchange(0, ordering: .relaxed)
        if count > 0 { losses.add(count, because: "they came faster than they could be written") }
    }

    private func reopen(_ file: inout LogFile) {
        do throws(SystemError) {
            file = try LogFile(path)
        } catch {
            logger.error(
                "the access log stays in its old file: cannot open \(path): \(error.reason)")
        }
    }
}

/// Lines that will be missing, until they have been spoken of.
private struct Losses {
    private var count = 0
    private var reason = ""
    private var reported: Instant?

    mutating func add(_ lines: Int, because reason: String) {
        count += lines
        self.reason = reason
    }

    mutating func reportSometimes(to logger: Logger, every milliseconds: UInt64) {
        let now = Instant.now
        if let reported, now.milliseconds(since: reported) < milliseconds { return }
        report(to: logger)
    }

    mutating func report(to logger: Logger) {
        guard count > 0 else { return }
        logger.warning("\(count) lines of the access log are lost: \(reason)")
        count = 0
        reported = .now
    }
}

/// A file that lines are appended to.
struct LogFile: ~Copyable {
    private let descriptor: Descriptor
    /// The last write ended inside a line.
    private var isTorn = false

    /// - Parameter path: `-` for standard output.
    init(_ path: String) throws(SystemError) {
        descriptor = Descriptor(
            owning: try SystemError.check(
                "open", path == "-" ? cl_duplicate(1) : cl_open_log(path)))
    }

    /// Writes all of `lines`, or throws where the rest is lost.
    mutating func write(_ lines: [UInt8]) throws(SystemError) {
        if isTorn {
            try writeAll([UInt8(ascii: "\n")])
            isTorn = false
        }
        try writeAll(lines)
    }

    private mutating func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                cl_write_some(
                    descriptor.raw, $0.part(done...).baseAddress,
                    bytes.count - done)
            }
            if written <= 0 {
                isTorn = isTorn || (done > 0 && bytes[done - 1] != UInt8(ascii: "\n"))
                // A file that takes no byte and gives no reason is as good as full.
                throw written < 0
                    ? SystemError(call: "write", errno: Int32(clamping: -written))
                    : .noSpace("write")
            }
            done += written
        }
    }
}
