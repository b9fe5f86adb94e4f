// The commit journal: an append-only log of commits in front of SQLite, in two files of zeros that
// take turns (engine.md, "The commit journal"). A commit is one gathered write and one fdatasync
// into blocks that are there already. What is in it is not looked at; whoever appends folds it into
// the database behind, and releases it when the database has it durably.
//
//             ┌─append──► written ──fdatasync──► durable: acknowledged, and marked so ──► intact
//   intact ───┤              └──failed──► suspect ──mend: the last page, and a mark──► intact
//             └─no room: the other file, if all in it is released; if not `.unavailable`
//
//   intact:   everything through `lastSequence` is on the disk
//   suspect:  a write or its fdatasync failed. The kernel may call those pages clean (fsyncgate):
//             so nothing is appended before they are written again and synced. The failed record,
//             which was never acknowledged, has the mark over it then and is unreadable
//
// Confined to the committer's thread. Writes nothing large there: the larger file of a growing
// journal is made by `JournalGrowth` on another thread.

import CSQLite
import Glibc
import Logging
import MizuBytes
import MizuEventLoop
import MizuSync

/// The journal of one database, open. The caller has the database's lock.
public final class CommitJournal {
    /// Whether the files must be there: the database says so if its last owner was killed.
    public enum Presence: Sendable { case optional, required }

    /// What a record may use. Control records are small, and free space in the end: so the last
    /// part of each file is kept for them.
    public enum Purpose: Sendable { case commit, control }

    /// Random, and as old as the files.
    public let identity: UInt64
    /// The number of the newest commit in the journal or, if none is there, of the folded one.
    public private(set) var lastSequence: UInt64
    /// How long the disk took to sync the last commit.
    private(set) var lastSyncNanoseconds: UInt64 = 0

    private let path: String
    private let logger: Logger
    private(set) var segments: [JournalSegment]
    /// For each file: the highest sequence number that is anywhere in it.
    private var highest: [UInt64]
    /// Which file is written, and where.
    private(set) var current = 0
    private(set) var position = JournalHeader.recordsOffset
    private var released: UInt64 = 0
    /// The commit with which the current file was half full; nil before that.
    private var halfway: UInt64?
    private var isSuspect = false
    /// What was written of the page in which `position` is: it is written again after a failure.
    private var tail: [UInt8] = []
    private var slices: [iovec] = []
    /// The frame and the padding of what is written.
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: JournalFrame.byteCount + 8, alignment: 8)
    private let unfolded: [JournalHistory.Place]
    private var growthByteCount: Int?
    private var prepared: JournalGrowth?

    private static let pageByteCount = 4_096
    /// Of the first files, if the disk has room for them; half of it and less if not.
    static let startByteCount = 1 << 20
    static let byteCountMin = 64 << 10
    /// Load alone grows no file beyond this; one record that needs more gets it.
    static let loadByteCountMax = 16 << 20
    /// Of a file, for control records and the mark behind the last record.
    static let reservedByteCount = 4_096

    deinit { scratch.deallocate() }

    // MARK: Opening

    /// Opens the journal beside a database, or makes an empty one; drops a torn tail.
    /// - Parameters:
    ///   - path: of the database, absolute.
    ///   - identity: which the database knows its journal by.
    ///   - foldedThrough: the last commit that the database has.
    /// - Throws: one line for people: damage, a journal of another database, or no room for one.
    public convenience init(
        openingBeside path: String, identity: UInt64, foldedThrough: UInt64,
        presence: Presence = .optional, logger: Logger
    ) throws(StoreError) {
        try self.init(
            JournalOpener(
                path: path, identity: identity, foldedThrough: foldedThrough, presence: presence),
            logger: logger)
    }

    init(_ opener: JournalOpener, logger: Logger) throws(StoreError) {
        path = opener.path
        identity = opener.identity
        self.logger = logger
        scratch.initializeMemory(as: UInt8.self, repeating: 0)
        var opener = opener
        segments = try opener.open()
        let history = try opener.history()
        unfolded = history.unfolded
        highest = opener.scans.map(\.lastSequence)
        lastSequence = max(history.last?.found.sequence ?? 0, opener.folded)
        if let last = history.last { try resume(behind: last) }
    }

    /// What was read may never have reached the disk: its last owner can have been killed between
    /// write and fdatasync, or after a fdatasync that failed. It is shown soon, so it is written
    /// again where that may be, and synced.
    private func resume(behind last: JournalHistory.Place) throws(StoreError) {
        current = last.file
        position = last.found.end
        let start = last.found.offset & ~(Self.pageByteCount - 1)
        let bytes = ByteSlice(try segments[current].read())
        tail = bytes[(position & ~(Self.pageByteCount - 1))..<position].array
        var rewritten = bytes[start..<position].array
        let result = rewritten.withUnsafeMutableBytes {
            segments[current].write(
                [iovec(iov_base: $0.baseAddress, iov_len: $0.count)], at: start)
        }
        try JournalSegment.check(result, "write", segments[current].path)
        for segment in segments { try JournalSegment.check(segment.sync(), "sync", segment.path) }
        mark()
    }

    /// Visits the payloads of the commits behind `sequence`, in order. Call it before the first
    /// `append`. The payloads of a file share its memory.
    /// - Parameter sequence: not before the folded commit of `init`.
    public func replay(
        after sequence: UInt64,
        _ visit: (_ sequence: UInt64, _ payload: ByteSlice) throws(StoreError) -> Void
    ) throws(StoreError) {
        var read: (file: Int, bytes: ByteSlice)?
        for place in unfolded where place.found.sequence > sequence {
            if read?.file != place.file {
                read = nil
                read = (place.file, ByteSlice(try segments[place.file].read()))
            }
            guard let bytes = read?.bytes, place.found.payload.upperBound <= bytes.count else {
                continue
            }
            try visit(place.found.sequence, bytes[place.found.payload])
        }
    }

    // MARK: Appending

    /// Appends a commit; it is durable on return.
    /// - Parameter payload: its parts, in order; any of them may be empty.
    /// - Returns: its sequence number, one more than that of the commit before.
    /// - Throws: `.unavailable`: no room until more is released, or the disk failed. The commit is
    ///   not in the journal then, unless the process ends before the next one: a start may find it.
    public func append(
        _ payload: [ByteSlice], as purpose: Purpose = .commit
    ) throws(StoreError) -> UInt64 {
        let count = payload.reduce(0) { $0 + $1.count }
        guard count <= JournalFrame.payloadBytesMax, lastSequence < .max else {
            throw StoreError(
                .unavailable, "a commit of \(count) bytes is larger than the journal takes")
        }
        if isSuspect { try mend() }
        try makeRoom(for: count, as: purpose)
        var frame = JournalFrame(.record, identity: identity, sequence: lastSequence + 1)
        frame.payloadByteCount = count
        try write(&frame, payload)
        return lastSequence
    }

    /// Whether a commit with a payload of `byteCount` would find room now.
    public func canTake(byteCount: Int) -> Bool {
        guard byteCount <= JournalFrame.payloadBytesMax else { return false }
        let needed = JournalFrame.byteCount(payload: byteCount)
        return hasRoom(needed, as: .commit) || isFree(1 - current)
    }

    private func hasRoom(_ needed: Int, as purpose: Purpose) -> Bool {
        let end = segments[current].byteCount
        let kept = purpose == .commit ? Self.reservedByteCount : JournalFrame.byteCount
        return needed <= end - kept - position
    }

    /// Whether everything in a file is released.
    private func isFree(_ file: Int) -> Bool { highest[file] <= released }

    private func write(
        _ frame: inout JournalFrame, _ payload: [ByteSlice]
    ) throws(StoreError) {
        let padded = frame.totalByteCount - JournalFrame.byteCount - frame.payloadByteCount
        let head = iovec(iov_base: scratch.baseAddress, iov_len: JournalFrame.byteCount)
        slices.removeAll(keepingCapacity: true)
        slices.append(head)
        // The pointers live as long as `payload`, which is held until they are used no more.
        for slice in payload where !slice.isEmpty {
            let base = UnsafeMutableRawPointer(mutating: slice.owner.base + slice.offset)
            slices.append(iovec(iov_base: base, iov_len: slice.count))
        }
        frame.payloadChecksum = JournalChecksum.of(slices.dropFirst())
        frame.write(to: scratch)
        slices.append(
            iovec(iov_base: scratch.baseAddress.map { $0 + head.iov_len }, iov_len: padded))
        isSuspect = true
        var result = segments[current].write(slices, at: position)
        let began = Instant.machine.nanoseconds
        if result == 0 { result = segments[current].sync() }
        lastSyncNanoseconds = Instant.machine.nanoseconds &- began
        if result == 0 { keepTail() }
        withExtendedLifetime(payload) {}
        try JournalSegment.check(result, "write", segments[current].path)
        isSuspect = false
        position += frame.totalByteCount
        lastSequence = frame.sequence
        highest[current] = frame.sequence
        if halfway == nil, position > segments[current].byteCount / 2 { halfway = lastSequence }
        mark()
    }

    /// Says behind the last record that it was acknowledged. The next record takes its place, and
    /// proves the same; so it needs no fdatasync and no room, and a failure of it harms nothing.
    private func mark() {
        JournalFrame(.mark, identity: identity, sequence: lastSequence).write(to: scratch)
        let slice = iovec(iov_base: scratch.baseAddress, iov_len: JournalFrame.byteCount)
        _ = segments[current].write([slice], at: position)
    }

    /// Writes what was acknowledged of the last page again, and a mark over what failed behind it.
    private func mend() throws(StoreError) {
        var bytes = tail
        bytes.append(contentsOf: repeatElement(0, count: JournalFrame.byteCount))
        let start = position - tail.count
        let result = bytes.withUnsafeMutableBytes { bytes in
            JournalFrame(.mark, identity: identity, sequence: lastSequence)
                .write(to: UnsafeMutableRawBufferPointer(rebasing: bytes[tail.count...]))
            let slice = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            let result = segments[current].write([slice], at: start)
            return result == 0 ? segments[current].sync() : result
        }
        try JournalSegment.check(result, "write", segments[current].path)
        isSuspect = false
    }

    /// Takes from `slices` what is in the page that the next record begins in.
    private func keepTail() {
        for slice in slices where slice.iov_len > 0 {
            let bytes = UnsafeRawBufferPointer(start: slice.iov_base, count: slice.iov_len)
            let count = tail.count + bytes.count
            if count < Self.pageByteCount {
                tail.append(contentsOf: bytes)
            } else {
                tail.removeAll(keepingCapacity: true)
                tail.append(contentsOf: bytes.suffix(count % Self.pageByteCount))
            }
        }
    }
}

// MARK: Room

extension CommitJournal {
    /// Finds room for a payload of `count` bytes: in this file, or in the other one.
    private func makeRoom(for count: Int, as purpose: Purpose) throws(StoreError) {
        let needed = JournalFrame.byteCount(payload: count)
        if hasRoom(needed, as: purpose) { return }
        let other = 1 - current
        guard isFree(other) else {
            growthByteCount = nextByteCount
            throw StoreError(
                .unavailable,
                "\(segments[other].path) is full of commits that the database does not have on "
                    + "the disk yet", cause: .foldsLag)
        }
        // Less than half of a file that is full has reached the database: load is ahead of it.
        if let halfway, released < halfway { growthByteCount = nextByteCount }
        takeTheOther()
        if !hasRoom(needed, as: purpose) { try enlarge(toHold: needed) }
    }

    private func takeTheOther() {
        current = 1 - current
        if let growth = prepared, growth.path == segments[current].path {
            prepared = nil
            do { try put(growth) } catch {
                logger.warning("the commit journal stays as large as it is: \(error.message)")
            }
        }
        begin()
    }

    private func begin() {
        position = JournalHeader.recordsOffset
        tail.removeAll(keepingCapacity: true)
        halfway = nil
    }

    /// Puts a file that was made in place of the current one, which holds nothing that is needed.
    private func put(_ growth: JournalGrowth) throws(StoreError) {
        try JournalSegment.putInPlace(segments[current].path)
        guard let segment = try JournalSegment.open(segments[current].path) else {
            throw JournalSegment.damage(segments[current].path, at: 0)
        }
        segments[current] = segment
        highest[current] = 0
    }

    /// One record needs more than a whole file: that is rare enough to wait for.
    private func enlarge(toHold needed: Int) throws(StoreError) {
        let least = JournalHeader.recordsOffset + needed + Self.reservedByteCount
        var byteCount = segments[current].byteCount
        while byteCount < least { byteCount *= 2 }
        let growth = JournalGrowth(
            path: segments[current].path, identity: identity, byteCount: byteCount)
        try growth.write()
        try put(growth)
        begin()
    }

    private var nextByteCount: Int? {
        let (largest, smallest) = (
            segments.map(\.byteCount).max() ?? 0, segments.map(\.byteCount).min() ?? 0
        )
        let next = smallest < largest ? largest : largest * 2
        return next <= Self.loadByteCountMax && next > smallest ? next : nil
    }

    // MARK: Releasing

    /// Says that the database has everything through `sequence` on the disk, so that its room may
    /// be used again.
    public func release(through sequence: UInt64) { released = max(released, sequence) }

    /// The bytes that cannot be used again yet, whole files at a time.
    public var unreleasedByteCount: Int {
        segments.indices.reduce(0) { sum, file in
            if isFree(file) { return sum }
            let end = file == current ? position : segments[file].byteCount
            return sum + end - JournalHeader.recordsOffset
        }
    }

    /// What both files can hold.
    public var byteCapacity: Int { segments.reduce(0) { $0 + $1.byteCount } }

    /// Whether the other file is not free: commits have no room once this one is full.
    public var needsRelease: Bool { !isFree(1 - current) }

    // MARK: Growing

    /// A larger file that is wanted, once: the caller has another thread `write` it, and gives it
    /// to `use` if that went well.
    public func takeGrowth() -> JournalGrowth? {
        defer { growthByteCount = nil }
        guard let growthByteCount, prepared == nil else { return nil }
        return JournalGrowth(
            path: segments[1 - current].path, identity: identity, byteCount: growthByteCount)
    }

    /// Has a file that was written take its place as soon as the old one is free.
    public func use(_ growth: JournalGrowth) { prepared = growth }

    // MARK: Names

    /// Why nothing may be appended now, in one line for people; nil where both names are right.
    public var obstacle: String? {
        for segment in segments where !segment.isInPlace {
            return "\(segment.path) has been deleted or replaced: nothing is written until the "
                + "server is restarted"
        }
        return nil
    }

    /// Removes the files: everything in them is in the database, and nothing is appended any more.
    public func removeFiles() throws(StoreError) {
        for segment in segments {
            for name in [segment.path, segment.path + JournalSegment.newSuffix] {
                try JournalSegment.check(csqlite_remove(name), "remove", name)
            }
        }
        try JournalSegment.check(csqlite_sync_folder(path), "sync the folder of", path)
    }
}
