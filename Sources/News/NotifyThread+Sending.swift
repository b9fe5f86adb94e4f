// What the thread of news sends while it is ready: LISTEN and UNLISTEN for the channels that others
// want, and NOTIFY with what they publish, each as one command when the last one is done. The parts
// of a message are of one transaction, so it comes whole or not at all.

#if Postgres
    import Logging
    import MizuBytes
    import MizuEventLoop
    import MizuSyncPostgres

    extension NotifyThread {
        /// Bytes of messages in one transaction.
        private static let batchBytesMax = 256 << 10

        /// Sends the next command if the last one is done.
        func work() {
            while case .connected(let link) = phase, link.readySince != nil,
                !link.connection.isBusy
            {
                isChannelsTurn.toggle()
                if isChannelsTurn, !unsettled.isEmpty {
                    settle()
                } else if !notify() {
                    guard !unsettled.isEmpty else { return }
                    settle()
                }
            }
        }

        /// Listens to what some channels need, and ceases to where none is left.
        private func settle() {
            let changed = unsettled
            unsettled = []
            let wanted = shared.mail.withLock { mail in changed.map { mail.wanted.contains($0) } }
            var new: [ByteSlice] = []
            let before = places
            for (channel, isWanted) in zip(changed, wanted) {
                let place = shared.channels.place(of: channel)
                if isWanted {
                    guard subscribed.insert(channel).inserted else { continue }
                    new.append(channel)
                    places[place, default: 0] += 1
                } else if subscribed.remove(channel) != nil, let count = places[place] {
                    places[place] = count > 1 ? count - 1 : nil
                }
            }
            let more = places.keys.filter { before[$0] == nil }
            let less = before.keys.filter { places[$0] == nil }
            guard !more.isEmpty || !less.isEmpty else { return done(.channels(new)) }
            begin(.channels(new)) { link throws(NotifyConnection.Failure) in
                try link.connection.listen(to: more, not: less)
            }
        }

        /// - Returns: whether something was sent.
        private func notify() -> Bool {
            if sentCount == outgoing.count {
                outgoing = shared.mail.withLock { $0.takePublications() }
                sentCount = 0
            }
            var (batch, count, bytes): ([(channel: NotifyChannel, payload: [UInt8])], Int, Int) =
                ([], 0, 0)
            while sentCount < outgoing.count, bytes < Self.batchBytesMax {
                let publication = outgoing[sentCount]
                sentCount += 1
                count += 1
                bytes += publication.byteCount
                lastNumber &+= 1
                let place = shared.channels.place(of: publication.channel)
                guard
                    let payloads = NotifyFrame.payloads(
                        of: publication.payload, to: publication.channel, from: sender,
                        number: lastNumber)
                else {
                    tooLong(publication)
                    continue
                }
                for payload in payloads { batch.append((place, payload)) }
            }
            guard !batch.isEmpty else {
                acknowledge(bytes)
                return false
            }
            begin(.publications(count, bytes: bytes)) { link throws(NotifyConnection.Failure) in
                try link.connection.notify(batch)
            }
            return true
        }

        private func tooLong(_ publication: PubSubMail.Publication) {
            shared.mail.withLock { $0.statistics.droppedMessages += 1 }
            guard complaints.occurs(at: Instant.machine) == .isNews else { return }
            shared.logger.warning(
                """
                a message of \(publication.payload.count) bytes to other nodes is dropped: more \
                than \(NotifyFrame.messageBytesMax) do not go by NOTIFY
                """)
        }

        func acknowledge(_ bytes: Int) {
            guard bytes > 0 else { return }
            shared.mail.withLock { $0.unsentBytes = max(0, $0.unsentBytes - bytes) }
        }
    }
#endif
