// The file in which an issuer's keys lie (RFC 7517 §5), and the thread that looks once a second
// whether it has changed. Whoever fetches it writes it beside and renames it, as with every file
// that is read while it is written. A bad new file changes nothing but the log: the old keys stay
// in use.
//
//   read ──stamp is another──► reading ──good──► read, with new keys
//                                 └──bad, one line in the log──► read, with the old keys

import Glibc
import Logging
import MizuBytes
import MizuEventLoop
import MizuJOSE

/// A JWKS file and what was read of it. One owner, one thread.
struct JWKSFile: Sendable {
    let path: String
    /// The state of the file that was read last, good or bad.
    private var stamp: Stamp

    /// Tells one state of a file from another; symbolic links are followed.
    private struct Stamp: Equatable, Sendable {
        var device: UInt = 0
        var inode: UInt = 0
        var size = 0
        var seconds = 0
        var nanoseconds = 0

        init(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }
    }

    /// How often a watched file is looked at.
    static let lookMilliseconds = 1_000

    init(_ path: String) {
        self.path = path
        stamp = Stamp(path)
    }

    /// Reads the file as it is now. Blocks on the disk: not for workers.
    /// - Throws: one line that names the file and what is wrong with it.
    func read() throws(StartError) -> JWKS {
        let bytes: ByteSlice
        do throws(SystemError) {
            bytes = try Self.bytes(of: path)
        } catch {
            throw StartError("\(path) cannot be read: \(error)")
        }
        do throws(JWKS.Problem) {
            return try JWKS(parsing: bytes)
        } catch {
            throw StartError("\(path): \(error)")
        }
    }

    /// Reads the file again if it has changed since the last look.
    /// - Returns: its keys, or why they cannot be used; nil if nothing has changed.
    mutating func look() -> Result<JWKS, StartError>? {
        let found = Stamp(path)
        guard found != stamp else { return nil }
        stamp = found
        do throws(StartError) {
            return .success(try read())
        } catch {
            return .failure(error)
        }
    }

    private static func bytes(of path: String) throws(SystemError) -> ByteSlice {
        // Without O_NONBLOCK a fifo would stop the thread here.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw SystemError(call: "open", errno: errno) }
        defer { close(descriptor) }
        var bytes = ByteBuffer(capacity: 16 * 1024)
        // One byte more than is taken, so that the parser says that it is too long.
        while bytes.count <= JWKS.bytesMax {
            bytes.reserve(16 * 1024)
            let room = bytes.writable
            let count = Glibc.read(descriptor, room.baseAddress, room.count)
            if count == 0 { break }
            guard count > 0 else { throw SystemError(call: "read", errno: errno) }
            bytes.advance(written: count)
        }
        return bytes.finish()
    }
}

/// The thread that watches one file for the authenticator that uses its keys. Any thread.
final class JWKSWatch: Sendable {
    private let thread: MailThread<Void>

    private static let stopMilliseconds: UInt64 = 2_000

    /// Looks until `stop`.
    /// - Parameters:
    ///   - file: as it was when its keys were read.
    ///   - use: called on the thread with the keys of each good new file.
    init(
        _ file: JWKSFile, logger: Logger, use: @escaping @Sendable (JWKS) -> Void
    ) throws(SystemError) {
        thread = try MailThread("mizu-jwks")
        try thread.start(handover: file) { file, inbox in
            var file = file
            while inbox.receive(withinMilliseconds: JWKSFile.lookMilliseconds) == .goOn {
                switch file.look() {
                case .success(let keys):
                    use(keys)
                    for line in keys.ignored { logger.warning("\(file.path): \(line)") }
                    logger.notice("\(file.path) was read again: \(keys.keys.count) keys")
                case .failure(let error):
                    logger.error("the old keys stay in use: \(error)")
                case nil: break
                }
            }
        }
    }

    /// Ends the thread; a disk that does not answer is not waited for.
    func stop() { _ = thread.stop(withinMilliseconds: Self.stopMilliseconds) }
}
