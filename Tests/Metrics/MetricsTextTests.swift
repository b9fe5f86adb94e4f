// The text of a scrape in both formats, the buckets of histograms, and that what one thread counts
// another reads.

import MizuMetrics
import Testing

@Suite("The text of metrics")
struct MetricsTextTests {
    private static let requests = Metric(
        "app_requests_total", .counter, labels: ["route"], "Answers")
    private static let build = Metric("app_build_info", .info, labels: ["version"], "Version")
    private static let seconds = Metric("app_duration_seconds", .histogram, "Times")

    private static func text(_ format: MetricsText.Format) -> String {
        var text = MetricsText(format)
        text.begin(requests)
        text.sample(UInt64(7), ["route": "/a\"\\\n"])
        text.begin(build)
        text.sample(1, ["version": "1"])
        let words = CounterWords(count: HistogramBounds.seconds.wordCount)
        words.writer.record(100_000, times: 2, in: .seconds, at: 0)
        words.writer.record(3_000_000_000, in: .seconds, at: 0)
        var sample = HistogramSample(.seconds)
        sample.add(words, at: 0)
        text.write(seconds, sample, .seconds)
        return text.finish()
    }

    @Test("Prometheus' format")
    func prometheus() {
        let text = Self.text(.prometheus)
        #expect(
            text.hasPrefix(
                """
                # HELP app_requests_total Answers
                # TYPE app_requests_total counter
                app_requests_total{route="/a\\"\\\\\\n"} 7
                # HELP app_build_info Version
                # TYPE app_build_info gauge
                app_build_info{version="1"} 1
                # HELP app_duration_seconds Times
                # TYPE app_duration_seconds histogram
                app_duration_seconds_bucket{le="0.0001"} 2

                """))
        #expect(text.contains("\napp_duration_seconds_bucket{le=\"2.5\"} 2\n"))
        #expect(text.contains("\napp_duration_seconds_bucket{le=\"5.0\"} 3\n"))
        #expect(
            text.hasSuffix(
                """
                app_duration_seconds_bucket{le="+Inf"} 3
                app_duration_seconds_sum 3.0002
                app_duration_seconds_count 3

                """))
    }

    @Test("OpenMetrics names families without their suffixes, and says where it ends")
    func openMetrics() {
        let text = Self.text(.openMetrics)
        #expect(text.hasPrefix("# HELP app_requests Answers\n# TYPE app_requests counter\n"))
        #expect(text.contains("\napp_requests_total{route="))
        #expect(text.contains("\n# TYPE app_build info\napp_build_info{version=\"1\"} 1\n"))
        #expect(text.hasSuffix("\n# EOF\n"))
    }

    @Test(
        "a scraper gets what it asks for",
        arguments: [
            (nil, MetricsText.Format.prometheus), ("text/plain;version=0.0.4", .prometheus),
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3", .openMetrics),
        ])
    func formats(accept: String?, format: MetricsText.Format) {
        #expect(MetricsText.Format(accept: accept) == format)
    }

    @Test("a bound belongs to its bucket")
    func bounds() {
        let bounds = HistogramBounds([10, 20])
        #expect([0, 10, 11, 20, 21].map { bounds.bucket(of: $0) } == [0, 0, 1, 1, 2])
    }

    @Test("what a thread counts, others read, and it only grows")
    func words() async {
        let words = CounterWords(count: 2)
        await withTaskGroup { group in
            group.addTask {
                let writer = words.writer
                for _ in 0..<100_000 { writer.add(1, to: 1) }
            }
            group.addTask {
                var last: UInt64 = 0
                for _ in 0..<10_000 {
                    let now = words[1]
                    #expect(now >= last)
                    last = now
                }
            }
        }
        #expect(words[1] == 100_000 && words[0] == 0 && words[2] == 0)
    }

    @Test("a gauge that is not known is left out, and a later source takes the place of another")
    func sources() {
        let sources = MetricSources()
        let metric = Metric("app_nodes", .gauge, "Nodes")
        sources.add(metric) { 1 }
        sources.add(metric) { 2 }
        sources.add(Metric("app_unknown", .gauge, "Unknown")) { nil }
        var text = MetricsText(.prometheus)
        sources.write(to: &text)
        #expect(
            text.finish() == "# HELP app_nodes Nodes\n# TYPE app_nodes gauge\napp_nodes 2\n")
    }
}
