// Gauges that parts of a program add to its scrape by themselves: a seam between who knows a number
// and who writes it down. A source is asked at each scrape, on the scraper's thread, so it must
// neither wait nor take long. Any thread.

import Synchronization

/// Sources of samples, in the order in which they were added.
public final class MetricSources: Sendable {
    /// The value now; nil: it is not known, and the sample is left out.
    public typealias Source = @Sendable () -> Double?

    private let sources = Mutex<[(metric: Metric, source: Source)]>([])

    public init() {}

    /// Adds a gauge or a counter without labels. A metric that was added before gets the new source
    /// in place of its old one.
    public func add(_ metric: Metric, _ source: @escaping Source) {
        sources.withLock { sources in
            sources.removeAll { $0.metric == metric }
            sources.append((metric, source))
        }
    }

    /// Writes what the sources say.
    public func write(to text: inout MetricsText) {
        for (metric, source) in sources.withLock({ $0 }) {
            if let value = source() { text.write(metric, value) }
        }
    }
}
