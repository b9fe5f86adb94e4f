// Fan-outs in slices, with walks over plain numbers: what goes together, in which order, within
// which budget, and what may happen while a subscriber is visited.

import MizuTopics
import Testing

/// A walk that counts down.
private struct Countdown { var left: Int }

@Suite("Fan-outs in slices")
struct FanOutQueueTests {
    private typealias Queue = FanOutQueue<String, Countdown, String>

    /// Works once; returns who was visited with what, and what has ended.
    private func work(
        _ queue: Queue, budget: Int, subscribers: [String: Int] = ["a": 3, "b": 2],
        during: (Int) -> Void = { _ in }
    ) -> (visits: [String], ended: [String], progress: FanOutProgress) {
        var (visits, ended): ([String], [String]) = ([], [])
        let progress = queue.work(
            budget: budget,
            begin: { topic in subscribers[topic].map { Countdown(left: $0) } },
            next: { walk -> Int? in
                guard walk.left > 0 else { return nil }
                walk.left -= 1
                return walk.left
            },
            visit: { number, contents in
                visits.append("\(number):\(contents.joined(separator: "+"))")
                during(number)
            },
            end: { ended.append($0) })
        return (visits, ended, progress)
    }

    @Test("what waits for one topic goes together and in order, whatever stands between")
    func together() {
        let queue = Queue()
        #expect(queue.isEmpty)
        for (content, topic) in [("1", "a"), ("2", "b"), ("3", "a"), ("4", "a")] {
            queue.add(content, to: topic)
        }
        let all = work(queue, budget: 100)
        #expect(all.visits == ["2:1+3+4", "1:1+3+4", "0:1+3+4", "1:2", "0:2"])
        #expect(all.ended == ["1", "3", "4", "2"])
        #expect(all.progress == .done && queue.isEmpty)
    }

    @Test("a budget ends a slice, and the next one goes on where it was")
    func budget() {
        let queue = Queue()
        queue.add("1", to: "a")
        queue.add("2", to: "b")
        let first = work(queue, budget: 2)
        #expect(first.visits == ["2:1", "1:1"] && first.ended == [] && first.progress == .more)
        // What comes now is not of the round that is under way.
        queue.add("3", to: "a")
        let second = work(queue, budget: 2)
        #expect(second.visits == ["0:1", "1:2"] && second.ended == ["1"])
        let third = work(queue, budget: 10)
        #expect(third.visits == ["0:2", "2:3", "1:3", "0:3"] && third.ended == ["2", "3"])
        #expect(third.progress == .done)
    }

    @Test("no more than the most go together")
    func most() {
        let queue = Queue(togetherMax: 2)
        for number in 1...5 { queue.add("\(number)", to: number == 4 ? "b" : "a") }
        let all = work(queue, budget: 100, subscribers: ["a": 1, "b": 1])
        #expect(all.visits == ["0:1+2", "0:3+5", "0:4"])
    }

    @Test("a topic that has lost its subscribers is passed over")
    func vanished() {
        let queue = Queue()
        queue.add("1", to: "gone")
        queue.add("2", to: "b")
        #expect(work(queue, budget: 10).visits == ["1:2", "0:2"])
        queue.add("3", to: "gone")
        let last = work(queue, budget: 10)
        #expect(last.visits == [] && last.progress == .done)
    }

    @Test("what is added while a subscriber is visited goes in a round of its own")
    func reentered() {
        let queue = Queue()
        queue.add("1", to: "b")
        let all = work(queue, budget: 10) { number in
            if number == 1 { queue.add("later", to: "b") }
        }
        #expect(all.visits.prefix(4) == ["1:1", "0:1", "1:later", "0:later"])
    }

    @Test("a full queue says so, and the oldest of a topic that may go gives way")
    func full() {
        let queue = Queue(waitingMax: 3)
        for (content, topic) in [("1", "a"), ("2", "a"), ("3", "b")] {
            #expect(!queue.isFull)
            queue.add(content, to: topic)
        }
        #expect(queue.isFull)
        queue.removeOldest(of: "a") { $0 != "1" }
        #expect(!queue.isFull)
        queue.removeOldest(of: "c")
        let all = work(queue, budget: 10, subscribers: ["a": 1, "b": 1])
        #expect(all.visits == ["0:1", "0:3"])
    }
}
