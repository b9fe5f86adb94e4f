// Metrics as text: Prometheus' exposition format 0.0.4, and OpenMetrics 1.0, which a scraper asks
// for by `Accept`. Each family is written once, as a whole: `begin`, then its samples. Label values
// are escaped, so that no value can begin a line or another sample. A value; one thread.

/// The text of a scrape, as it grows.
public struct MetricsText: Sendable {
    public enum Format: Sendable, Equatable {
        case prometheus, openMetrics

        /// `Content-Type`.
        public var mediaType: StaticString {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }

        /// What a scraper prefers; Prometheus names OpenMetrics where it can read it.
        /// - Parameter accept: the field's value; nil: there is none.
        public init(accept: String?) {
            self =
                (accept ?? "").contains("application/openmetrics-text")
                ? .openMetrics : .prometheus
        }
    }

    public typealias Labels = KeyValuePairs<String, String>

    public let format: Format
    private var text = ""
    private var family: Metric?

    public init(_ format: Format) {
        self.format = format
        text.reserveCapacity(32 * 1024)
    }

    // MARK: Families

    /// Begins a family; its samples follow, and it does not come again.
    public mutating func begin(_ metric: Metric) {
        family = metric
        let name = format == .openMetrics ? metric.family : metric.name
        let kind =
            metric.kind == .info && format == .prometheus ? "gauge" : metric.kind.rawValue
        text += "# HELP \(name) \(metric.help)\n# TYPE \(name) \(kind)\n"
    }

    /// A sample of the family that was begun.
    public mutating func sample(_ value: Double, _ labels: Labels = [:]) {
        guard let family else { return }
        append(family.name, labels, nil, Self.number(value))
    }

    /// The same with a whole number, which keeps all its digits.
    public mutating func sample(_ value: UInt64, _ labels: Labels = [:]) {
        guard let family else { return }
        append(family.name, labels, nil, String(value))
    }

    public mutating func sample(_ value: Int, _ labels: Labels = [:]) {
        guard let family else { return }
        append(family.name, labels, nil, String(value))
    }

    /// The buckets, the sum and the count of a histogram.
    public mutating func sample(
        _ histogram: HistogramSample, _ layout: HistogramBounds, _ labels: Labels = [:]
    ) {
        guard let family else { return }
        var total: UInt64 = 0
        for (place, count) in histogram.counts.enumerated() {
            total &+= count
            let bound =
                place < layout.bounds.count
                ? Self.bound(Double(layout.bounds[place]) / layout.divisor) : "+Inf"
            append(family.name + "_bucket", labels, bound, String(total))
        }
        append(
            family.name + "_sum", labels, nil,
            Self.number(Double(histogram.sum) / layout.divisor))
        append(family.name + "_count", labels, nil, String(total))
    }

    /// A family with one sample.
    public mutating func write(_ metric: Metric, _ value: Double) {
        begin(metric)
        sample(value)
    }

    public mutating func write(_ metric: Metric, _ value: Int) {
        begin(metric)
        sample(value)
    }

    public mutating func write(_ metric: Metric, _ value: UInt64) {
        begin(metric)
        sample(value)
    }

    /// A family with one histogram.
    public mutating func write(
        _ metric: Metric, _ histogram: HistogramSample, _ layout: HistogramBounds
    ) {
        begin(metric)
        sample(histogram, layout)
    }

    /// The whole text; nothing may be added any more.
    public consuming func finish() -> String {
        if format == .openMetrics { text += "# EOF\n" }
        return text
    }

    // MARK: Lines

    private mutating func append(
        _ name: String, _ labels: Labels, _ bound: String?, _ value: String
    ) {
        text += name
        if !labels.isEmpty || bound != nil {
            var separator = "{"
            for (label, value) in labels {
                text += separator + label + "=\""
                Self.appendEscaped(value, to: &text)
                text += "\""
                separator = ","
            }
            if let bound { text += separator + "le=\"" + bound + "\"" }
            text += "}"
        }
        text += " " + value + "\n"
    }

    /// A label's value: what would end it or the line is escaped.
    static func appendEscaped(_ value: String, to text: inout String) {
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// A bound, in OpenMetrics with its fraction ("1.0"), else as short as can be.
    private static func bound(_ value: Double) -> String {
        value == value.rounded() && value < 1e9 ? "\(Int(value)).0" : "\(value)"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        return "\(value)"
    }
}
