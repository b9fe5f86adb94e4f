// The histogram: what it says of values is true to within a percent, whatever their size.

import Testing

@testable import MizuBench

@Suite("A histogram of fixed memory")
struct HistogramTests {
    @Test("a value's bucket stands for it within 0.8 %, up to the largest number")
    func precision() {
        var value: UInt64 = 0
        while value < .max / 2 {
            let shown = Histogram.value(ofBucket: Histogram.bucket(of: value))
            let error = shown > value ? shown - value : value - shown
            #expect(Double(error) <= Double(value) * 0.008, "\(value) is told as \(shown)")
            value = value < 300 ? value + 1 : value + value / 97
        }
        for value in [UInt64.max, UInt64.max - 1, UInt64(1) << 63, UInt64(1) << 63 - 1] as [UInt64]
        {
            var histogram = Histogram()
            histogram.record(value)
            #expect(histogram.max == value && histogram.quantile(0.5) == value)
        }
    }

    @Test("buckets rise with values, and every bucket's value is in it")
    func order() {
        var last = -1
        for value in [UInt64(0), 1, 127, 128, 129, 255, 256, 257, 511, 512, 65_535, 65_536] {
            let bucket = Histogram.bucket(of: value)
            #expect(bucket > last || value == 257, "\(value)")
            last = max(last, bucket)
        }
        for index in 0..<7000 {
            #expect(Histogram.bucket(of: Histogram.value(ofBucket: index)) == index)
        }
    }

    @Test("quantiles of 1 to 100,000 are within a percent, and merging parts changes nothing")
    func quantiles() {
        var (whole, odd, even) = (Histogram(), Histogram(), Histogram())
        for value in UInt64(1)...100_000 {
            whole.record(value)
            if value % 2 == 0 { even.record(value) } else { odd.record(value) }
        }
        odd.merge(even)
        for (part, wanted) in [(0.5, 50_000.0), (0.99, 99_000), (0.999, 99_900), (1.0, 100_000)] {
            #expect(abs(Double(whole.quantile(part)) - wanted) <= wanted * 0.01)
            #expect(odd.quantile(part) == whole.quantile(part))
        }
        #expect(odd.count == 100_000 && odd.max == 100_000 && odd.mean == whole.mean)
    }

    @Test("nothing recorded is nothing told")
    func empty() {
        #expect(Histogram().quantile(0.99) == 0 && Histogram().max == 0 && Histogram().mean == 0)
    }
}
