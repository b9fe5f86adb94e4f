// An app whose one worker a test takes through its ticks: everything that was declared becomes a
// server without listeners, threads of workers and signals. The database's threads are as always.
// In debug builds alone; what tests use of it is the product MizuTesting.

#if DEBUG
    import MizuEventLoop
    import MizuHTTP
    import MizuProcess
    import MizuRouting
    import MizuServer

    extension App {
        /// The app as a worker for the calling thread. Call it once, in place of `run`.
        /// - Parameters:
        ///   - first: a middleware that runs before all of the app's, and again behind them: what
        ///     it sets is what handlers see.
        package func step(
            by clock: ManualClock, first: @escaping Middleware
        ) throws -> SteppedWorker {
            precondition(workers.count == 1, "an app under test has one worker")
            try settle()
            routes.insert({ $0.use(first) }, at: 0)
            routes.append { $0.use(first) }
            var server = serverConfiguration()
            server.clock = .manual(clock)
            let worker = try SteppedWorker(server, workers: workers, clock: clock)
            try startJobs()
            return worker
        }

        /// Closes the database, once the worker has ended.
        package func endStepping() {
            endJobs()
            passwordHasher?.stop()
            synchronisation?.service.stop()
        }
    }
#endif
