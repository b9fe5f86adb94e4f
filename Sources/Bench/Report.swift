// The report of a run, as one JSON object for programs or lines for people: the same figures in the
// same order. Prints nothing itself.

import MizuBytes

/// Figures with names.
public struct Report: Sendable {
    public enum Value: Sendable {
        case text(String)
        case flag(Bool)
        case count(Int)
        /// With that many digits after the point.
        case number(Double, digits: Int)
        /// Nanoseconds, shown in microseconds.
        case microseconds(UInt64)
        case bytes(Int)
        case counts([(name: String, count: Int)])
    }

    public private(set) var fields: [(key: String, label: String, value: Value)] = []
    public var faults = Faults()
    public var wasInterrupted = false

    public init() {}

    /// Whether everything that came was what had to come.
    public var isClean: Bool { faults.total == 0 }

    /// - Parameters:
    ///   - key: the member's name in JSON.
    ///   - label: for people.
    public mutating func add(_ key: String, label: String, _ value: Value) {
        fields.append((key, label, value))
    }

    public mutating func add(latency: Histogram, _ key: String, label: String) {
        for (part, name) in [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")] {
            let member = key + "_" + name.split(separator: ".").joined(separator: "") + "_us"
            add(member, label: "\(label) \(name)", .microseconds(latency.quantile(part)))
        }
        add("\(key)_max_us", label: "\(label) max", .microseconds(latency.max))
        add("\(key)_mean_us", label: "\(label) mean", .microseconds(UInt64(latency.mean)))
    }

    // MARK: JSON

    /// One object; `errors` and `interrupted` come last.
    public var json: ByteSlice {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        for (key, _, value) in fields {
            writer.key(key)
            Self.write(value, to: &writer)
        }
        writer.key("errors" as StaticString)
        writer.int(faults.total)
        writer.key("error_kinds" as StaticString)
        writer.beginObject()
        for (kind, count, first) in faults.seen {
            writer.key(kind.rawValue)
            writer.beginObject()
            writer.key("count" as StaticString)
            writer.int(count)
            writer.key("first" as StaticString)
            writer.string(first)
            writer.endObject()
        }
        writer.endObject()
        writer.key("interrupted" as StaticString)
        writer.bool(wasInterrupted)
        writer.endObject()
        return writer.finish()
    }

    private static func write(_ value: Value, to writer: inout JSONWriter) {
        switch value {
        case .text(let text): writer.string(text)
        case .flag(let flag): writer.bool(flag)
        case .count(let count), .bytes(let count): writer.int(count)
        case .number(let number, let digits): writer.raw(ByteSlice(decimal(number, digits)))
        case .microseconds(let nanoseconds):
            writer.raw(ByteSlice(decimal(Double(nanoseconds) / 1000, 1)))
        case .counts(let counts):
            writer.beginObject()
            for (name, count) in counts {
                writer.key(name)
                writer.int(count)
            }
            writer.endObject()
        }
    }

    // MARK: A table

    /// Lines of label and figure.
    public var table: String {
        var rows = fields.map { ($0.label, Self.words($0.value)) }
        if wasInterrupted { rows.append(("interrupted", "yes: these are the figures until then")) }
        rows.append(("errors", Self.grouped(faults.total)))
        for (kind, count, first) in faults.seen {
            rows.append(("  " + kind.rawValue, "\(Self.grouped(count))  \(first)"))
        }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { label, figure in
            "  " + label + String(repeating: " ", count: width - label.count) + "  " + figure + "\n"
        }.joined()
    }

    private static func words(_ value: Value) -> String {
        switch value {
        case .text(let text): text
        case .flag(let flag): flag ? "yes" : "no"
        case .count(let count): grouped(count)
        case .number(let number, let digits):
            digits == 0 ? grouped(Int(number.rounded())) : decimal(number, digits)
        case .microseconds(let nanoseconds): duration(nanoseconds)
        case .bytes(let count): size(count)
        case .counts(let counts):
            counts.map { "\($0.name): \(grouped($0.count))" }.joined(separator: ", ")
        }
    }

    /// `12.3 µs`, `4.56 ms`, `7.89 s`.
    static func duration(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        if value < 1e6 { return decimal(value / 1e3, 1) + " µs" }
        if value < 1e9 { return decimal(value / 1e6, 2) + " ms" }
        return decimal(value / 1e9, 2) + " s"
    }

    /// `812 B`, `4.2 KB`, `1.3 GB`, in powers of 1000.
    static func size(_ bytes: Int) -> String {
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "KB", "MB", "GB", "TB"]
        while value.magnitude >= 1000, unit < units.count - 1 {
            (value, unit) = (value / 1000, unit + 1)
        }
        return decimal(value, unit == 0 ? 0 : 1) + " " + units[unit]
    }

    /// Digits in groups of three.
    static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude).utf8)
        var text = [UInt8]()
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(UInt8(ascii: ",")) }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + String(decoding: text, as: UTF8.self)
    }

    /// `number` with `digits` digits after the point; what is no number is 0.
    static func decimal(_ number: Double, _ digits: Int) -> String {
        guard number.isFinite, number.magnitude < 1e15 else { return "0" }
        var factor = 1
        for _ in 0..<digits { factor *= 10 }
        let scaled = Int((number.magnitude * Double(factor)).rounded())
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % factor)
        return sign + String(scaled / factor) + "."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
