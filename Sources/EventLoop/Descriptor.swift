// An open file descriptor with one owner. It is closed when its owner ends, and nowhere else.

import CLinux

/// A file descriptor that closes in `deinit` (close(2)).
public struct Descriptor: ~Copyable, Sendable {
    public let raw: Int32

    /// Takes over `raw`, which nobody else may close.
    public init(owning raw: Int32) { self.raw = raw }

    deinit { _ = cl_close(raw) }
}
