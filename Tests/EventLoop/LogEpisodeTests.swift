// Lines of the log about trouble that goes on. The clock is passed in.

import MizuEventLoop
import Testing

@Suite("One line for one episode")
struct LogEpisodeTests {
    @Test("is reported at once, and again when a minute has passed since the last report")
    func once() {
        var episode = LogEpisode()
        let start = Instant(nanoseconds: 5_000_000_000)
        var reported: [UInt64] = []
        for milliseconds: UInt64 in [0, 1, 59_999, 60_000, 60_001, 119_999, 120_000, 500_000] {
            if episode.occurs(at: start.adding(milliseconds: milliseconds)) == .isNews {
                reported.append(milliseconds)
            }
        }
        #expect(reported == [0, 60_000, 120_000, 500_000])
    }
}
