// A program that we started: what it is given, whether it has ended, what it writes. It leads a
// process group of its own, so that a signal reaches what it has started and no terminal's Ctrl-C
// reaches it but through us.

import CLinux
import Glibc
import MizuEventLoop

/// What a child gets.
struct ChildSettings {
    /// The first is the program: a path, or a name that PATH finds.
    var arguments: [String]
    var environment: [String: String]
    var folder: String
    /// They become 3, 4 and so on. With any, `LISTEN_PID` in the environment becomes the child's.
    var descriptors: [Int32] = []
    var output: Int32 = 1
    var error: Int32 = 2
    /// The program, if it is not the first argument.
    var program: String?
}

/// A running or ended child. One thread.
final class ChildProcess {
    let id: Int32
    private let ended: Descriptor
    /// Its exit code, or 128 and the number of the signal that ended it; nil while it runs.
    private(set) var exitCode: Int32?

    init(_ settings: ChildSettings) throws(SystemError) {
        let arguments = Self.block(settings.arguments)
        let pairs = settings.environment.map { $0.key + "=" + $0.value }
        let environment = Self.block(pairs)
        let program = settings.program.map { Array($0.utf8CString) }
        let id = arguments.withUnsafeBufferPointer { arguments in
            environment.withUnsafeBufferPointer { environment in
                settings.folder.withCString { folder in
                    settings.descriptors.withUnsafeBufferPointer { descriptors in
                        Self.start(
                            cl_child(
                                arguments: arguments.baseAddress,
                                argument_count: Int32(settings.arguments.count),
                                environment: environment.baseAddress,
                                environment_count: Int32(pairs.count), folder: folder,
                                descriptors: descriptors.baseAddress,
                                descriptor_count: Int32(descriptors.count),
                                output: settings.output, error: settings.error, program: nil),
                            program)
                    }
                }
            }
        }
        self.id = try SystemError.check("execve", id)
        ended = Descriptor(
            owning: try SystemError.check("pidfd_open", cl_child_pollable(self.id)))
    }

    private static func start(_ child: cl_child, _ program: [CChar]?) -> Int32 {
        var child = child
        guard let program else { return cl_child_start(&child) }
        return program.withUnsafeBufferPointer { text in
            child.program = text.baseAddress
            return cl_child_start(&child)
        }
    }

    /// Texts one after the other, each with its zero; what follows a zero inside one is left out.
    private static func block(_ texts: [String]) -> [CChar] {
        texts.flatMap { text in
            text.utf8.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
        } + [0]
    }

    /// Readable once the child has ended.
    var pollable: Int32 { ended.raw }

    /// Looks whether it has ended; the exit code if so.
    @discardableResult
    func reap() -> Int32? {
        if exitCode == nil {
            var code: Int32 = 0
            if cl_child_reap(id, &code) != 0 { exitCode = code }
        }
        return exitCode
    }

    /// Does nothing if the child has been reaped.
    func signal(_ number: Int32) {
        if exitCode == nil { _ = cl_child_signal(id, number) }
    }
}

/// The reading end of what a child writes; keeps the end of it.
final class CapturedOutput {
    private let reader: Descriptor
    private let keptMax: Int
    private(set) var bytes: [UInt8] = []
    /// The child's end, to be closed here once the child has it.
    private var writer: Descriptor?

    init(keeping keptMax: Int) throws(SystemError) {
        var ends: (Int32, Int32) = (-1, -1)
        let status = withUnsafeMutableBytes(of: &ends) {
            cl_pipe_from_child($0.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        try SystemError.check("pipe2", status)
        reader = Descriptor(owning: ends.0)
        writer = Descriptor(owning: ends.1)
        self.keptMax = keptMax
    }

    var pollable: Int32 { reader.raw }
    var childEnd: Int32 { writer?.raw ?? -1 }
    func childHasIt() { writer = nil }

    /// What came since the last call. Never waits.
    func read() -> [UInt8] {
        var new: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                cl_read_some(reader.raw, $0.baseAddress, $0.count)
            }
            guard count > 0 else { break }
            new += buffer[..<count]
        }
        bytes += new
        if bytes.count > keptMax { bytes.removeFirst(bytes.count - keptMax) }
        return new
    }
}
