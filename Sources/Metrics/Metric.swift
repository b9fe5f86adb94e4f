// What a metric is, before it has a value: its name, its kind, its labels and the sentence that
// explains it. Names follow Prometheus' conventions: the prefix, base units (seconds, bytes), and
// `_total` behind counters. The documentation is written from these values, too.
//
// Values; any thread. Knows no server: rooms above say which metrics there are.

/// The name and the meaning of a metric.
public struct Metric: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// Only grows while the process lives.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts observations by size.
        case histogram
        /// Always 1: its labels are what it says.
        case info
    }

    /// As it is written, `_total` and `_info` included.
    public let name: String
    public let kind: Kind
    /// The labels of its samples, in order; `le` of a histogram is not among them.
    public let labels: [String]
    /// One sentence in ASCII, without a full stop.
    public let help: String

    public init(_ name: String, _ kind: Kind, labels: [String] = [], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }

    /// The family's name in OpenMetrics, which takes suffixes for a part of samples' names alone.
    var family: String {
        switch kind {
        case .counter where name.hasSuffix("_total"): String(name.dropLast(6))
        case .info where name.hasSuffix("_info"): String(name.dropLast(5))
        case .counter, .gauge, .histogram, .info: name
        }
    }

    /// The names under which a time series of it can be asked for.
    public var seriesNames: [String] {
        kind == .histogram ? [name + "_bucket", name + "_sum", name + "_count"] : [name]
    }
}
