// What two journal files hold, and whether that is everything: pure functions of their bytes. A
// scan finds every record and mark, wherever it begins; the history puts them in order and tells a
// torn tail (never acknowledged) from damage (something acknowledged is not there).
//
//   folded F ── F+1 · F+2 · … · L ── nothing valid behind, no mark beyond L ──► L is the last
//                        └── one between F and L, or through a mark, is missing ──► a fault
//
// What is folded does not matter: it is in the database.

/// All that is readable of one file, in the order of its bytes.
struct JournalScan {
    struct Found: Equatable {
        var kind: JournalFrame.Kind
        var sequence: UInt64
        var offset: Int
        var payloadByteCount: Int
        var checksum: UInt32

        init(_ frame: JournalFrame, offset: Int) {
            kind = frame.kind
            sequence = frame.sequence
            self.offset = offset
            payloadByteCount = frame.payloadByteCount
            checksum = frame.payloadChecksum
        }

        var end: Int { offset + JournalFrame.byteCount(payload: payloadByteCount) }
        var payload: Range<Int> {
            offset + JournalFrame.byteCount..<offset + JournalFrame.byteCount + payloadByteCount
        }
    }
    private(set) var found: [Found] = []

    /// An empty one, of a file that is not there.
    init() {}

    /// - Parameter bytes: the whole file.
    init(_ bytes: UnsafeRawBufferPointer, identity: UInt64) {
        var offset = JournalFrame.candidate(in: bytes, from: JournalHeader.recordsOffset)
        while offset < bytes.count {
            // Whatever is broken here, what comes behind it must be seen: it is the proof.
            var next = offset + 8
            if let frame = JournalFrame(bytes, at: offset, identity: identity) {
                if frame.hasPayload(bytes, at: offset) {
                    found.append(Found(frame, offset: offset))
                    next = offset + frame.totalByteCount
                } else if frame.sequence > 0 {
                    // A torn record was begun when the one before it was durable.
                    let mark = JournalFrame(
                        .mark, identity: identity, sequence: frame.sequence - 1)
                    found.append(Found(mark, offset: offset))
                }
            }
            offset = JournalFrame.candidate(in: bytes, from: next)
        }
    }

    /// Whether nothing in it tells of a commit behind `folded`.
    func isFolded(through folded: UInt64) -> Bool { found.allSatisfy { $0.sequence <= folded } }

    /// The highest sequence number of a record; 0 if there is none.
    var lastSequence: UInt64 {
        found.lazy.filter { $0.kind == .record }.map(\.sequence).max() ?? 0
    }
}

/// Why the commits behind the folded one are not all there.
enum JournalFault: Error, Equatable {
    /// Commit `sequence` was acknowledged, and is unreadable in `file` from byte `offset` on.
    case damaged(file: Int, offset: Int, sequence: UInt64)
    /// The journal begins with commit `first`; those between it and the database were released.
    case databaseIsOlder(first: UInt64)
}

/// The commits behind `foldedThrough`, in order.
struct JournalHistory {
    struct Place: Equatable {
        var file: Int
        var found: JournalScan.Found
    }
    /// What is to be replayed.
    let unfolded: [Place]
    /// The last record of all, folded or not; nil if there is none.
    let last: Place?

    /// - Parameter scans: of file 0 and file 1.
    init(_ scans: [JournalScan], foldedThrough folded: UInt64) throws(JournalFault) {
        var places: [UInt64: Place] = [:]
        for (file, scan) in scans.enumerated() {
            for found in scan.found where found.kind == .record {
                let place = Place(file: file, found: found)
                let other = places.updateValue(place, forKey: found.sequence)
                if let other, other.found.checksum != found.checksum, found.sequence > folded {
                    throw .damaged(file: file, offset: found.offset, sequence: found.sequence)
                }
            }
        }
        let newest = places.values.max { $0.found.sequence < $1.found.sequence }
        let end = max(newest?.found.sequence ?? 0, folded)
        for (file, scan) in scans.enumerated() {
            for mark in scan.found where mark.kind == .mark && mark.sequence > end {
                throw .damaged(
                    file: file, offset: scan.gap(before: mark).lowerBound, sequence: end &+ 1)
            }
        }
        var unfolded: [Place] = []
        var sequence = end
        while sequence > folded {
            guard let place = places[sequence] else {
                throw Self.fault(missing: sequence, before: unfolded.last, scans)
            }
            unfolded.append(place)
            sequence -= 1
        }
        self.unfolded = unfolded.reversed()
        last = newest
    }

    /// Says where commit `sequence` should have been, from the one that follows it.
    private static func fault(
        missing sequence: UInt64, before next: Place?, _ scans: [JournalScan]
    ) -> JournalFault {
        guard let next else { return .databaseIsOlder(first: sequence) }
        let gap = scans[next.file].gap(before: next.found)
        if !gap.isEmpty, scans[next.file].isOfOneRound(next.found) {
            return .damaged(file: next.file, offset: gap.lowerBound, sequence: sequence)
        }
        // It ended the other file, behind the commits before it.
        for (file, scan) in scans.enumerated() where file != next.file {
            let before = scan.found.filter { $0.kind == .record && $0.sequence < sequence }
            if let last = before.max(by: { $0.sequence < $1.sequence }) {
                return .damaged(file: file, offset: last.end, sequence: sequence)
            }
        }
        return .databaseIsOlder(first: next.found.sequence)
    }
}

extension JournalScan {
    /// The unreadable bytes right before `found`.
    fileprivate func gap(before next: Found) -> Range<Int> {
        let before = found.last { $0.offset < next.offset }
        return (before?.end ?? JournalHeader.recordsOffset)..<next.offset
    }

    /// Whether what comes before `next` in the file is older. Behind the newest record of a file is
    /// what is left of the round before, whose first record was overwritten in part.
    fileprivate func isOfOneRound(_ next: Found) -> Bool {
        guard let before = found.last(where: { $0.offset < next.offset }) else { return true }
        return before.sequence < next.sequence
    }
}
