// Latencies keep within a percent.

import Testing

@testable import MizuBench

@Suite("The histogram")
struct HistogramTests {
}
