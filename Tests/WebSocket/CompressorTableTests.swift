import MizuBytes
import MizuWebSocket
import Testing

/// A peer as the wire sees it: a reader that inflates what comes, and the place that we keep for it.
private final class Peer {
    var place = WindowPlace.none
    private var reader: MessageReader
    private let inflater: Inflater?
    private(set) var heard: [String] = []

    init() {
        reader = MessageReader(role: .client, extensions: .deflate(DeflateParameters()))
        inflater = Inflater()
    }

    func receive(_ frame: UnsafeRawBufferPointer) {
        var bytes = [UInt8](frame)
        bytes.withUnsafeMutableBytes { input in
            switch reader.read(input, inflater: inflater) {
            case .message(_, let payload, _):
                payload.withUnsafeBytes(from: input) {
                    heard.append(String(decoding: $0, as: UTF8.self))
                }
            case .reject(let error): heard.append("rejected: \(error)")
            case .needMore, .ping, .pong, .close, .begins, .passedOver:
                heard.append("no message")
            }
        }
    }

    func receive(_ frame: ByteSlice) { frame.withUnsafeBytes { receive($0) } }
}

@Suite("Compressors whose windows several peers share")
struct CompressorTableTests {
    private static func message(_ number: Int) -> String {
        #"{"cursor":\#(number),"scope":"_default","entity":"todo","id":"t\#(number * 7919)","#
            + #""op":"update","data":{"title":"item \#(number)","done":false}}"#
    }

    /// Tells `message` to those of `peers` that `listens` names, as a worker does it.
    /// - Returns: bytes of each frame that was sent.
    @discardableResult
    private func tell(
        _ message: String, to peers: [Peer], group: UInt64 = 1, by table: inout CompressorTable
    ) -> [Int] {
        let bytes = Array(message.utf8)
        return bytes.withUnsafeBytes { raw in
            let frame = table.frame(.text, raw, forGroup: group)
            var plain = ByteBuffer(capacity: 1)
            FrameWriter.append(.text, raw, to: &plain)
            var (sizes, members, outside) = ([Int](), 0, 0)
            for peer in peers {
                if let frame, table.enter(frame, &peer.place) {
                    members += 1
                    peer.receive(frame.frame)
                    sizes.append(frame.frame.count)
                } else if table.mayStandAlone(peer.place), let alone = table.standAlone(.text, raw)
                {
                    outside += 1
                    peer.place = .none
                    peer.receive(alone)
                    sizes.append(alone.count)
                } else {
                    peer.receive(plain.readable)
                    sizes.append(plain.count)
                }
            }
            if let frame { table.told(frame, members: members, outside: outside) }
            return sizes
        }
    }

    @Test("a group's window is kept: small JSON takes less than a third")
    func ratio() {
        var table = CompressorTable(memoryBytesMax: 1 << 20)
        let peers = (0..<20).map { _ in Peer() }
        var (sent, plain) = (0, 0)
        for number in 0..<500 {
            sent += tell(Self.message(number), to: peers, by: &table).reduce(0, +)
            plain += Self.message(number).utf8.count * peers.count
        }
        for peer in peers { #expect(peer.heard == (0..<500).map(Self.message)) }
        #expect(Double(sent) / Double(plain) < 0.3)
        #expect(table.memoryBytes <= 2 * Deflater.memoryBytes)
    }

    @Test("whoever joins, leaves, misses messages or is told something alone reads everything sent")
    func comingAndGoing() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            // Room for two compressors: groups and single peers take them from each other.
            var table = CompressorTable(memoryBytesMax: 2 * Deflater.memoryBytes)
            var all: [(peer: Peer, expected: [String])] = []
            for number in 0..<400 {
                if Int.random(in: 0..<20, using: &random) == 0 || all.isEmpty {
                    all.append((Peer(), []))
                }
                let text = Self.message(number)
                if Int.random(in: 0..<10, using: &random) == 0,
                    let index = all.indices.randomElement(using: &random)
                {
                    var output = ByteBuffer(capacity: 1)
                    let bytes = Array(text.utf8)
                    bytes.withUnsafeBytes { raw in
                        let peer = all[index].peer
                        if !table.append(.text, raw, for: &peer.place, to: &output) {
                            FrameWriter.append(.text, raw, to: &output)
                        }
                        peer.receive(output.readable)
                    }
                    all[index].expected.append(text)
                    continue
                }
                // Some are left out, as those whose queues are full are.
                let told = all.indices.filter { _ in Int.random(in: 0..<15, using: &random) > 0 }
                let group = UInt64.random(in: 1...3, using: &random)
                tell(text, to: told.map { all[$0].peer }, group: group, by: &table)
                for index in told { all[index].expected.append(text) }
            }
            for (peer, expected) in all { #expect(peer.heard == expected) }
            #expect(table.memoryBytes <= 3 * Deflater.memoryBytes)
        }
    }

    @Test("who comes late is in once those outside have cost as much as the members would")
    func joining() {
        var table = CompressorTable(memoryBytesMax: 1 << 20)
        let members = (0..<10).map { _ in Peer() }
        for number in 0..<5 { tell(Self.message(number), to: members, by: &table) }
        let late = Peer()
        var sizes: [Int] = []
        for number in 5..<25 {
            let all = tell(Self.message(number), to: members + [late], by: &table)
            sizes.append(all[10])
        }
        // Ten stand-alone frames for the late one, then a new window for all.
        #expect(sizes[0..<10].allSatisfy { $0 > 60 })
        #expect(sizes[11...].allSatisfy { $0 < 50 }, "\(sizes)")
        #expect(late.heard == (5..<25).map(Self.message))
        for member in members { #expect(member.heard == (0..<25).map(Self.message)) }
    }

    @Test("a member of one group is told the messages of another as they are")
    func twoGroups() {
        var table = CompressorTable(memoryBytesMax: 1 << 20)
        let peer = Peer()
        for number in 0..<10 {
            let size = tell(Self.message(number), to: [peer], group: 1, by: &table)[0]
            let other = tell(Self.message(number), to: [peer], group: 2, by: &table)[0]
            #expect(number == 0 || size < 60)
            #expect(other > Self.message(number).utf8.count)
        }
        #expect(peer.heard == (0..<10).flatMap { [Self.message($0), Self.message($0)] })
    }

    @Test("what cannot be compressed goes as it is, and is not tried for a while")
    func incompressible() {
        var table = CompressorTable(memoryBytesMax: 1 << 20)
        var random = SystemRandomNumberGenerator()
        let peer = Peer()
        var expected: [String] = []
        for number in 0..<300 {
            let noise = String(
                decoding: (0..<100).map { _ in UInt8.random(in: 33...126, using: &random) },
                as: UTF8.self)
            let text = number % 50 == 49 ? Self.message(number) : noise
            expected.append(text)
            let size = tell(text, to: [peer], by: &table)[0]
            #expect(size <= text.utf8.count + 4)
        }
        #expect(peer.heard == expected)
    }

    @Test("short and very long messages, and a table without memory, compress nothing")
    func limits() {
        var table = CompressorTable(memoryBytesMax: 1 << 20)
        var none = CompressorTable(memoryBytesMax: 0)
        let short = [UInt8](repeating: 120, count: CompressorTable.messageBytesMin - 1)
        let long = [UInt8](repeating: 120, count: CompressorTable.messageBytesMax + 1)
        for bytes in [short, long] {
            let frame = bytes.withUnsafeBytes { table.frame(.text, $0, forGroup: 1)?.frame }
            #expect(frame == nil)
        }
        let frame = [UInt8](repeating: 120, count: 100).withUnsafeBytes {
            none.frame(.text, $0, forGroup: 1)?.frame
        }
        #expect(frame == nil)
    }
}
