// A place for a function that one thread sets and others call. It is a type of its own because of
// what Swift does to a function in generic storage: `Mutex<(@Sendable () -> Void)?>` keeps it in
// the form that generic code calls, and each `withLock` that reads it gives it out in the plain
// form and writes it back in the generic one, wrapped once more. So each call makes the next one
// deeper, and after some thirty thousand the stack is too small. Within a structure of the same
// generic type the function has one form, which is only read.
//
// It calls nothing itself. Any thread.

import Synchronization

/// What is to be called, once somebody has said it.
public final class FunctionSlot<Argument, Result>: Sendable {
    private struct Held: Sendable {
        let function: @Sendable (Argument) -> Result
    }

    private let held = Mutex<Held?>(nil)

    public init() {}

    /// From now on it is this one.
    public func set(_ function: @escaping @Sendable (Argument) -> Result) {
        let new = Held(function: function)
        held.withLock { $0 = new }
    }

    /// The one that was set last; nil: none. It is called outside the lock.
    public var function: (@Sendable (Argument) -> Result)? { held.withLock { $0 }?.function }
}
