// Which store a URL names: `sqlite:PATH` or `memory:`. The one place that knows all back ends.

import Logging
import MizuSync

/// Opens stores.
public enum Store {
    /// Opens the store that `url` names, as its only writer.
    /// - Parameters:
    ///   - url: `memory:`, or `sqlite:` and a path, which is relative to the working directory
    ///     unless it begins with `/`. Directories that are missing are made.
    ///   - epoch: fresh and random for each opening: `Name.random(using:)`.
    /// - Throws: one line for people that says what to do.
    public static func open(
        _ url: String, epoch: Name, logger: Logger
    ) throws(StoreError) -> sending any SyncStore {
        if url == "memory:" { return MemoryStore(epoch: epoch) }
        let scheme = "sqlite:"
        guard url.utf8.starts(with: scheme.utf8) else {
            throw StoreError(
                .unavailable,
                "\(url) names no store: use sqlite:PATH or memory:")
        }
        let path = String(url.utf8.dropFirst(scheme.utf8.count)) ?? ""
        guard !path.isEmpty, !path.utf8.contains(0), path != ":memory:",
            path.utf8.last != UInt8(ascii: "/")
        else {
            throw StoreError(
                .unavailable, "\(url) names no file: use sqlite:PATH, or memory: for none")
        }
        return try SQLiteStore(path: path, epoch: epoch, logger: logger)
    }
}
