// What an app does without being asked: at the start, and every so often.

import MizuEventLoop

extension App {
    /// Runs `job` again and again while the server runs: first at a random moment of the first
    /// minute (of the first period, if that is shorter), then one period after the last run began.
    /// A run that takes longer delays the next one; a job never runs beside itself. What it throws
    /// is logged with its name, and the next run comes all the same.
    ///
    /// Jobs have a thread of their own and take turns on it at each `await` that waits, so a long
    /// computation in one delays the others, and nobody else. When the server drains, a job that
    /// runs is cancelled, and is waited for as long as DRAIN_TIMEOUT says; the database is open
    /// until then.
    /// - Parameters:
    ///   - period: counted on the monotonic clock; at least one second.
    ///   - name: of the job, for the log.
    public func every(
        _ period: JobPeriod, _ name: String, _ job: @escaping @Sendable () async throws -> Void
    ) {
        jobs.append(Job(name: name, period: period, body: job))
    }

    /// Runs `job` once, when the server begins to serve: requests may come before it has ended.
    /// Otherwise as `every`. What must be there before the first request is pushed before `run`.
    public func atStart(
        _ name: String = "at start", _ job: @escaping @Sendable () async throws -> Void
    ) {
        jobs.append(Job(name: name, period: nil, body: job))
    }

    /// Starts what was declared.
    func startJobs() throws(StartError) {
        guard !jobs.isEmpty else { return }
        do throws(SystemError) {
            let thread = try JobThread(jobs, logger: logger)
            try thread.start()
            jobThread = thread
        } catch {
            throw StartError("cannot start: \(error)")
        }
    }

    /// Cancels what runs, and waits for that.
    func endJobs() {
        jobThread?.drain(withinMilliseconds: configuration.drainMilliseconds)
        jobThread?.join(withinMilliseconds: configuration.drainMilliseconds)
        jobThread = nil
    }
}
