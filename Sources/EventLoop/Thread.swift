// Threads without Foundation. What a thread owns is moved into it (`sending`), so confined classes
// need no unchecked Sendable.

import CLinux

/// Starts a detached thread named `name` (at most 15 bytes are kept) that runs `body` and ends.
/// - Parameter niceness: how far the thread's nice value is above that of the one that starts it
///   (sched(7)): with ten steps a thread that has always something to do takes a tenth of what an
///   event loop takes on the same processor, and lets one that wakes up run at once.
public func startThread(
    _ name: String, niceness: Int32 = 0, _ body: sending @escaping () -> Void
) throws(SystemError) {
    let box = Unmanaged.passRetained(
        ThreadBody(name: name, niceness: niceness, run: inWorldOfStarter(body)))
    let status = cl_thread_start(
        { context in
            guard let context else { return }
            let body = Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
            cl_thread_name(body.name)
            _ = cl_thread_nice(body.niceness)
            body.run()
        }, box.toOpaque())
    guard status >= 0 else {
        box.release()
        throw SystemError(call: "pthread_create", errno: -status)
    }
}

/// A thread of an app under test is in the world of the one that starts it (`TestWorld`).
private func inWorldOfStarter(_ body: @escaping () -> Void) -> () -> Void {
    #if DEBUG
        guard let world = TestWorld.current else { return body }
        return { world.run(body) }
    #else
        return body
    #endif
}

private final class ThreadBody {
    let name: String
    let niceness: Int32
    let run: () -> Void

    init(name: String, niceness: Int32, run: @escaping () -> Void) {
        self.name = name
        self.niceness = niceness
        self.run = run
    }
}
