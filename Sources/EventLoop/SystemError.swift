// What the kernel refused: the call and its errno, kept together so that a log line can say both.

import CLinux
import Glibc

/// A failed system call: its C name and errno (errno(3)).
public struct SystemError: Error, Equatable, CustomStringConvertible, Sendable {
    public let call: StaticString
    public let errno: Int32

    public init(call: StaticString, errno: Int32) {
        self.call = call
        self.errno = errno
    }

    /// A call of a library that found no memory and sets no errno.
    public static func outOfMemory(_ call: StaticString) -> SystemError {
        SystemError(call: call, errno: ENOMEM)
    }

    /// A write that took less than all and sets no errno: the disk is full.
    public static func noSpace(_ call: StaticString) -> SystemError {
        SystemError(call: call, errno: ENOSPC)
    }

    public static func == (left: SystemError, right: SystemError) -> Bool {
        left.errno == right.errno && left.call.description == right.call.description
    }

    /// The errno in words, as strerror(3) has them.
    public var reason: String { String(cString: cl_error_text(errno)) }

    public var description: String { "\(call): \(reason)" }

    /// Returns `value`, or throws where it is a negative errno.
    @discardableResult
    public static func check<Value: SignedInteger>(
        _ call: StaticString, _ value: Value
    ) throws(SystemError) -> Value {
        guard value >= 0 else {
            throw SystemError(call: call, errno: Int32(truncatingIfNeeded: -value))
        }
        return value
    }
}
