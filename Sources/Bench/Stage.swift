// The stages of a run, which all threads go through together, and the words between them and the
// coordinator.
//
//   opening ──all ready──► measuring ──time──► draining ──all quiet──► verifying ──► over
//
// A stage that does not end by itself ends by its time limit; an interrupted run goes on to
// draining from wherever it is.

import MizuEventLoop

enum Stage: Int, Comparable, Sendable {
    /// Connections come to be and get ready.
    case opening
    /// The load is on, and counted between two moments.
    case measuring
    /// Nothing new is asked; what is under way may come.
    case draining
    /// A last look at what must hold now.
    case verifying
    case over

    static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
}

/// The coordinator to a thread.
enum Order: Sendable {
    case measure(from: Instant, until: Instant)
    case enter(Stage)
    /// What a conversation posts to itself from another thread: connections want a turn.
    case turn
}

/// A thread to the coordinator.
enum Note: Sendable {
    /// Every connection is ready, or has failed.
    case ready(thread: Int)
    case quiet(thread: Int, Stage)
    case over(thread: Int)
    case failed(String)
}
