// Messages as payloads of NOTIFY: cut, put together, and what happens to those that are damaged,
// lost or made up.

#if Postgres
    import MizuBytes
    import MizuSyncPostgres
    import MizuTestSupport
    import Testing

    @testable import MizuNews

    @Suite("Messages as payloads of NOTIFY")
    struct NotifyFrameTests {
        private static func message(_ count: Int) -> ByteSlice {
            ByteSlice((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
        }

        private static func payloads(
            _ message: ByteSlice, to channel: ByteSlice = "mizu:t:one", number: UInt64 = 1
        ) -> [ByteSlice] {
            (NotifyFrame.payloads(of: message, to: channel, from: 7, number: number) ?? [])
                .map { ByteSlice($0) }
        }

        private static func messages(_ payloads: [ByteSlice]) -> [ByteSlice] {
            var assembly = NotifyAssembly(own: 1)
            return payloads.compactMap { payload in
                guard
                    case .message("mizu:t:one", let message) =
                        assembly.take(payload, isWanted: { _ in true })
                else { return nil }
                return message
            }
        }

        @Test("a message comes whole, whatever its length")
        func lengths() {
            for count in [
                0, 1, 5_963, 5_964, 5_965, 11_940, 11_941, 70_000, NotifyFrame.messageBytesMax,
            ] {
                let payloads = Self.payloads(Self.message(count))
                #expect(!payloads.isEmpty)
                #expect(payloads.allSatisfy { $0.count <= NotifyConnection.payloadBytesMax })
                #expect(payloads.allSatisfy { $0.array.allSatisfy { $0 >= 0x20 && $0 < 0x7F } })
                #expect(Self.messages(payloads) == [Self.message(count)], "\(count) bytes")
            }
            let channel = ByteSlice([UInt8](repeating: 0xFF, count: NotifyFrame.channelBytesMax))
            var assembly = NotifyAssembly(own: 1)
            var found: ByteSlice?
            for payload in Self.payloads(Self.message(9_000), to: channel) {
                #expect(payload.count <= NotifyConnection.payloadBytesMax)
                if case .message(channel, let message) = assembly.take(
                    payload, isWanted: { $0 == channel })
                {
                    found = message
                }
            }
            #expect(found == Self.message(9_000))
        }

        @Test("a message that is too long is none, nor one to a name that is too long")
        func tooLong() {
            #expect(Self.payloads(Self.message(NotifyFrame.messageBytesMax + 1)).isEmpty)
            let name = ByteSlice([UInt8](repeating: 1, count: NotifyFrame.channelBytesMax + 1))
            #expect(Self.payloads("1", to: name).isEmpty)
        }

        @Test("own messages, those of other channels, and those with a part lost are none")
        func losses() {
            let long = Self.message(20_000)
            let parts = Self.payloads(long)
            var own = NotifyAssembly(own: 7)
            var other = NotifyAssembly(own: 1)
            for part in parts {
                if case .nothing = own.take(part, isWanted: { _ in true }) {
                } else {
                    Issue.record("an own message")
                }
                if case .nothing = other.take(part, isWanted: { _ in false }) {
                } else {
                    Issue.record("a message of another channel")
                }
            }
            #expect(other.byteCount == 0)
            for lost in parts.indices {
                var rest = parts
                rest.remove(at: lost)
                let next = Self.payloads("next", number: 2)
                #expect(Self.messages(rest + next) == ["next"], "part \(lost)")
            }
            #expect(Self.messages([parts[0], parts[2], parts[1], parts[3]]).isEmpty)
            #expect(Self.messages([parts[0]] + parts) == [long])
        }

        @Test("what is damaged anywhere traps nowhere")
        func damage() {
            var generator = SeededGenerator(seed: 4)
            let parts = Self.payloads(Self.message(13_000))
            for _ in 0..<2_000 {
                var assembly = NotifyAssembly(own: 1)
                for part in parts {
                    var text = part.array
                    switch generator.next() % 4 {
                    case 0:
                        text[Int(generator.next() % 64)] = UInt8(
                            truncatingIfNeeded: generator.next())
                    case 1: text.removeLast(Int(generator.next() % UInt64(text.count)))
                    case 2:
                        // Still base 64.
                        let bytes = (0..<Int(generator.next() % 60)).map { _ in
                            UInt8(truncatingIfNeeded: generator.next())
                        }
                        text = Base64.encode([1] + bytes)
                    default: break
                    }
                    _ = assembly.take(ByteSlice(text), isWanted: { _ in true })
                }
            }
        }

        @Test("senders who all stop in the middle do not fill the memory")
        func bounds() throws {
            var assembly = NotifyAssembly(own: 1)
            let message = Self.message(NotifyFrame.messageBytesMax)
            for sender in UInt64(2)..<12 {
                let parts = try #require(
                    NotifyFrame.payloads(of: message, to: "c", from: sender, number: 1))
                for part in parts.dropLast() {
                    _ = assembly.take(ByteSlice(part), isWanted: { _ in true })
                    #expect(assembly.byteCount <= NotifyAssembly.bytesMax)
                }
            }
        }

        @Test("names of PostgreSQL's channels are taken by it, whatever the prefix")
        func names() {
            let prefixes = ["mizu", "A.b:c_-9", String(repeating: "p", count: 64), "x\";DROP", ""]
            var all: Set<String> = []
            for prefix in prefixes {
                let channels = NotifyChannels(prefix: prefix)
                var names: Set<String> = [channels.trial.text]
                for number in 0..<5_000 {
                    names.insert(channels.place(of: ByteSlice("mizu:s:\(number)")).text)
                }
                #expect(names.count == NotifyChannels.count + 1)
                #expect(names.allSatisfy { NotifyChannel($0) != nil })
                #expect(all.isDisjoint(with: names))
                all.formUnion(names)
            }
            #expect(NotifyChannel("a\"b") == nil && NotifyChannel("") == nil)
            #expect(NotifyChannel(String(repeating: "a", count: 64)) == nil)
        }
    }
#endif
