// Gauges that parts of a program add to its scrape by themselves: a seam between who knows a number
// and who writes it down. A source is asked at each scrape, on the scraper's thread, so it must
// neither wait nor take long. Any thread.

import Synchronization

/// Sources of samples, in the order in which they were added.
public final class MetricSources: Sendable {
    /// The value now; nil: it is not known, and the sample is left out.
    public typealias Source = @Sendable () -> Double?

    /// The value now for each value of the metric's one label.
    public typealias LabelledSource = @Sendable () -> [(label: String, value: Double)]

    private enum Kind: Sendable {
        case single(Source)
        case labelled(String, LabelledSource)
    }

    private let sources = Mutex<[(metric: Metric, kind: Kind)]>([])

    public init() {}

    /// Adds a gauge or a counter without labels. A metric that was added before gets the new source
    /// in place of its old one.
    public func add(_ metric: Metric, _ source: @escaping Source) {
        add(metric, .single(source))
    }

    /// The same with one label, of which few values are known beforehand.
    public func add(
        _ metric: Metric, by label: String, _ source: @escaping LabelledSource
    ) {
        add(metric, .labelled(label, source))
    }

    private func add(_ metric: Metric, _ kind: Kind) {
        sources.withLock { sources in
            sources.removeAll { $0.metric == metric }
            sources.append((metric, kind))
        }
    }

    /// Writes what the sources say.
    public func write(to text: inout MetricsText) {
        for (metric, kind) in sources.withLock({ $0 }) {
            switch kind {
            case .single(let source):
                if let value = source() { text.write(metric, value) }
            case .labelled(let label, let source):
                text.begin(metric)
                for sample in source() { text.sample(sample.value, [label: sample.label]) }
            }
        }
    }
}
