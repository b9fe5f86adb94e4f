// Threads without Foundation. What a thread owns is moved into it (`sending`), so confined classes
// need no unchecked Sendable.

import CLinux

/// Starts a detached thread named `name` (at most 15 bytes are kept) that runs `body` and ends.
public func startThread(
    _ name: String, _ body: sending @escaping () -> Void
) throws(SystemError) {
    let box = Unmanaged.passRetained(ThreadBody(name: name, run: inWorldOfStarter(body)))
    let status = cl_thread_start(
        { context in
            guard let context else { return }
            let body = Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
            cl_thread_name(body.name)
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
    let run: () -> Void

    init(name: String, run: @escaping () -> Void) {
        self.name = name
        self.run = run
    }
}
