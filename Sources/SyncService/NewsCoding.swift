// Messages between nodes as bytes, and back. What comes is checked as if a stranger had sent it:
// every length against what is there, names and positions against their rules, JSON by the JSON
// reader. What is not understood is left out without a word: a node of the next version may say
// more.
//
//   6D 01 | kind | node, 8 bytes | fields of the kind, in order
//
// A number is unsigned LEB128, a text is its length and its bytes. A later version appends fields,
// which this one passes over, and may add kinds; what cannot be said so gets another second byte.

import MizuBytes
import MizuSync

/// The wire's side of `NewsMessage`.
package enum NewsCoding {
    private static let mark: [UInt8] = [0x6D, 1]

    /// A commit with more bytes than this goes as its position alone: each node reads it once.
    package static let changesBytesMax = 1 << 20
    /// A longer message is not read.
    package static let messageBytesMax = 8 << 20
    /// A list of presence in more parts is not read.
    package static let presencePartsMax = 4_096

    private enum Kind: UInt8 {
        case commit = 1
        case position, internalHeads, publication, presence, credentialEnded, sessionClosed
        case permissionsChanged, heartbeat, goodbye
    }

    // MARK: To bytes

    package static func encode(_ message: NewsMessage, from node: NodeID) -> ByteSlice {
        var out = ByteBuffer(capacity: 256)
        out.append(mark)
        out.append(kind(of: message).rawValue)
        out.append(bits: node.bits)
        append(message, to: &out)
        return out.finish()
    }

    private static func kind(of message: NewsMessage) -> Kind {
        switch message {
        case .commit(let changes) where changes.bytes.count > changesBytesMax: .position
        case .commit: .commit
        case .position: .position
        case .internalHeads: .internalHeads
        case .publication: .publication
        case .presence: .presence
        case .credentialEnded: .credentialEnded
        case .sessionClosed: .sessionClosed
        case .permissionsChanged: .permissionsChanged
        case .heartbeat: .heartbeat
        case .goodbye: .goodbye
        }
    }

    private static func append(_ message: NewsMessage, to out: inout ByteBuffer) {
        switch message {
        case .commit(let changes) where changes.bytes.count > changesBytesMax:
            append(changes.scope, changes.headWithSum, to: &out)
        case .commit(let changes):
            append(changes, to: &out)
        case .position(let scope, let head):
            append(scope, head, to: &out)
        case .internalHeads(let heads):
            out.append(number: heads.count)
            for head in heads { append(head.scope, head.head, to: &out) }
        case .publication(let topic, let payload, let isByReader):
            out.append(text: topic)
            out.append(text: payload)
            out.append(number: isByReader ? 1 : 0)
        case .presence(let topic, let share):
            out.append(text: topic)
            append(share, to: &out)
        case .credentialEnded(let name):
            out.append(text: ByteSlice(name))
        case .sessionClosed(let id, let reason):
            out.append(text: ByteSlice(id))
            out.append(text: ByteSlice(reason))
        case .heartbeat(let report):
            append(report, to: &out)
        case .permissionsChanged, .goodbye: break
        }
    }

    private static func append(_ scope: Name, _ head: ScopeHead, to out: inout ByteBuffer) {
        out.append(text: scope)
        out.append(text: head.epoch)
        out.append(number: head.cursor)
        append(head.checksum, to: &out)
    }

    private static func append(_ checksum: ScopeChecksum?, to out: inout ByteBuffer) {
        out.append(number: checksum == nil ? 0 : 1)
        if let checksum { out.append(bits: checksum.bits) }
    }

    private static func append(_ changes: CommittedChanges, to out: inout ByteBuffer) {
        out.append(text: changes.scope)
        out.append(text: changes.base.epoch)
        out.append(number: changes.base.cursor)
        out.append(text: changes.head.epoch)
        out.append(number: changes.head.cursor)
        append(changes.checksum, to: &out)
        out.append(number: changes.isByReaders ? 1 : 0)
        out.append(text: changes.bytes)
        // Their number is that of the cursors.
        out.append(steps: changes.ends, after: 0)
        out.append(number: changes.borders.count)
        out.append(steps: changes.borders, after: changes.base.cursor)
        out.append(number: changes.changedRights.count)
        for change in changes.changedRights {
            out.append(text: change.user)
            out.append(number: change.before.map { $0.rawValue + 1 } ?? 0)
            out.append(number: change.after.map { $0.rawValue + 1 } ?? 0)
        }
    }

    private static func append(_ share: PresenceShare, to out: inout ByteBuffer) {
        switch share {
        case .ask(let node):
            out.append(number: 0)
            out.append(number: node == nil ? 0 : 1)
            if let node { out.append(bits: node.bits) }
        case .version(let version):
            out.append(number: 3)
            out.append(number: version)
        case .list(let version, let part, let count, let members):
            out.append(number: 1)
            out.append(number: version)
            out.append(number: part)
            out.append(number: count)
            out.append(text: members)
        case .changes(let base, let version, let joined, let left):
            out.append(number: 2)
            out.append(number: base)
            out.append(number: version)
            out.append(text: joined)
            out.append(number: left.count)
            for id in left { out.append(text: id) }
        }
    }

    private static func append(_ report: NodeReport, to out: inout ByteBuffer) {
        out.append(text: ByteSlice(report.address))
        out.append(text: ByteSlice(report.version))
        out.append(number: report.startedMilliseconds)
        out.append(number: report.links)
        out.append(number: report.isDraining ? 1 : 0)
        out.append(number: report.figures.count)
        for (name, value) in report.figures {
            out.append(text: ByteSlice(name))
            out.append(number: value)
        }
        // No timeline is 0.
        out.append(bits: UInt64(bitPattern: Int64(report.term?.system ?? 0)))
        out.append(number: report.term?.timeline ?? 0)
    }

    // MARK: And back

    /// The message in these bytes, and whose it is; nil where it is none that this version knows.
    package static func decode(_ bytes: ByteSlice) -> (message: NewsMessage, node: NodeID)? {
        guard bytes.count <= messageBytesMax else { return nil }
        var reader = NewsReader(bytes)
        guard reader.byte() == mark[0], reader.byte() == mark[1],
            let kind = reader.byte().flatMap({ Kind(rawValue: $0) }), let node = reader.bits(),
            let message = message(kind, &reader)
        else { return nil }
        return (message, NodeID(bits: node))
    }

    /// Whether the bytes are news in a form or of a kind that came after this version. Their
    /// sender is a node that was upgraded before this one, and no fault.
    package static func isOfNewerVersion(_ bytes: ByteSlice) -> Bool {
        var reader = NewsReader(bytes)
        guard reader.byte() == mark[0], let form = reader.byte(), let kind = reader.byte(),
            reader.bits() != nil
        else { return false }
        return form > mark[1] || (form == mark[1] && kind > Kind.goodbye.rawValue)
    }

    private static func message(_ kind: Kind, _ reader: inout NewsReader) -> NewsMessage? {
        switch kind {
        case .commit: return changes(&reader).map { .commit($0) }
        case .position: return head(&reader).map { .position($0.scope, $0.head) }
        case .internalHeads:
            // A scope has at least a name, an epoch, a cursor and a flag.
            guard let count = reader.count(eachAtLeast: 6) else { return nil }
            var heads: [InternalHead] = []
            for _ in 0..<count {
                guard let head = head(&reader), head.scope.isInternal else { return nil }
                heads.append(InternalHead(scope: head.scope, head: head.head))
            }
            return .internalHeads(heads)
        case .publication:
            guard let topic = reader.text(), !topic.isEmpty, let payload = reader.json(),
                let flag = reader.number()
            else { return nil }
            return .publication(topic: topic, payload: payload.bytes, isByReader: flag == 1)
        case .presence:
            guard let topic = reader.text(), !topic.isEmpty, let share = share(&reader)
            else { return nil }
            return .presence(topic: topic, share)
        case .credentialEnded: return reader.string(bytesMax: 4096).map { .credentialEnded($0) }
        case .sessionClosed:
            guard let id = reader.string(bytesMax: 256), let reason = reader.string(bytesMax: 123)
            else { return nil }
            return .sessionClosed(id: id, reason: reason)
        case .permissionsChanged: return .permissionsChanged
        case .heartbeat: return report(&reader).map { .heartbeat($0) }
        case .goodbye: return .goodbye
        }
    }

    private static func head(_ reader: inout NewsReader) -> (scope: Name, head: ScopeHead)? {
        guard let scope = reader.name(), let position = reader.position(),
            let checksum = reader.checksum()
        else { return nil }
        return (scope, ScopeHead(position, checksum: checksum.value))
    }

    private static func changes(_ reader: inout NewsReader) -> CommittedChanges? {
        guard let scope = reader.name(), let base = reader.position(), let head = reader.position(),
            head.cursor > base.cursor, let checksum = reader.checksum(),
            let flag = reader.number(), let bytes = reader.text(),
            // Each change takes at least two bytes, so what follows is bounded by what is here.
            head.cursor - base.cursor <= bytes.count,
            let ends = reader.steps(head.cursor - base.cursor, after: 0),
            ends.last == bytes.count, areObjects(bytes, endingAt: ends),
            let borderCount = reader.count(eachAtLeast: 1), borderCount > 0,
            let borders = reader.steps(borderCount, after: base.cursor),
            borders.last == head.cursor, let rights = rights(&reader)
        else { return nil }
        return CommittedChanges(
            scope: scope, base: base, head: head, bytes: bytes, ends: ends, borders: borders,
            checksum: checksum.value, isByReaders: flag == 1, changedRights: rights)
    }

    /// Whether the bytes are JSON objects that end there, with a comma between.
    private static func areObjects(_ bytes: ByteSlice, endingAt ends: [Int]) -> Bool {
        var start = 0
        for end in ends {
            guard start < end, end == bytes.count || bytes[end] == UInt8(ascii: ","),
                let value = try? JSON.parse(
                    bytes[start..<end], depthMax: .max, surrogates: .allow),
                value.kind == .object
            else { return false }
            start = end + 1
        }
        return true
    }

    private static func rights(_ reader: inout NewsReader) -> [RightsChange]? {
        guard let count = reader.count(eachAtLeast: 4) else { return nil }
        var all: [RightsChange] = []
        for _ in 0..<count {
            guard let user = reader.name(), let before = reader.number(),
                let after = reader.number(), before <= 3, after <= 3
            else { return nil }
            all.append(
                RightsChange(
                    user: user, before: Right(rawValue: before - 1),
                    after: Right(rawValue: after - 1)))
        }
        return all
    }

    private static func share(_ reader: inout NewsReader) -> PresenceShare? {
        switch reader.number() {
        case 0:
            switch reader.number() {
            case 0: return .ask(of: nil)
            case 1: return reader.bits().map { .ask(of: NodeID(bits: $0)) }
            default: return nil
            }
        case 1:
            guard let version = reader.number(), let part = reader.number(),
                let count = reader.number(), part < count, count <= presencePartsMax,
                let members = reader.json(), members.kind == .array
            else { return nil }
            return .list(version: version, part: part, of: count, members: members.bytes)
        case 2:
            guard let base = reader.number(), let version = reader.number(), base < version,
                let joined = reader.json(), joined.kind == .array,
                let count = reader.count(eachAtLeast: 2)
            else { return nil }
            var left: [ByteSlice] = []
            for _ in 0..<count {
                guard let id = reader.text(), !id.isEmpty else { return nil }
                left.append(id.compacted)
            }
            return .changes(base: base, version: version, joined: joined.bytes, left: left)
        case 3: return reader.number().map { .version($0) }
        default: return nil
        }
    }

    private static func report(_ reader: inout NewsReader) -> NodeReport? {
        guard let address = reader.string(bytesMax: 256),
            let version = reader.string(bytesMax: 256),
            let started = reader.number(), let links = reader.number(),
            let flag = reader.number(), let count = reader.count(eachAtLeast: 2), count <= 256
        else { return nil }
        var figures: [String: Int] = [:]
        for _ in 0..<count {
            guard let name = reader.string(bytesMax: 64), let value = reader.number()
            else { return nil }
            figures[name] = value
        }
        // Nodes of before do not say it.
        var term: PrimaryTerm?
        if let system = reader.bits(), let timeline = reader.number(),
            timeline > 0, timeline <= UInt32.max
        {
            term = PrimaryTerm(system: Int(Int64(bitPattern: system)), timeline: timeline)
        }
        return NodeReport(
            address: address, version: version, startedMilliseconds: started,
            links: links, isDraining: flag == 1, figures: figures, term: term)
    }
}

extension ByteBuffer {
    fileprivate mutating func append(number value: Int) {
        var rest = UInt64(clamping: value)
        while rest > 0x7F {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    fileprivate mutating func append(bits: UInt64) {
        withUnsafeBytes(of: bits.bigEndian) { append($0) }
    }

    fileprivate mutating func append(text: ByteSlice) {
        append(number: text.count)
        append(text)
    }

    fileprivate mutating func append(text name: Name) {
        append(number: name.bytes.count)
        append(name.bytes)
    }

    /// Ascending numbers, each as what it is more than the one before.
    fileprivate mutating func append(steps values: [Int], after base: Int) {
        var last = base
        for value in values {
            append(number: value - last)
            last = value
        }
    }
}
