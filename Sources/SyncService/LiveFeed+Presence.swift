// Who is in a topic, for the app's own code: a page that is rendered with the people in it, a job
// that writes to nobody who is there anyway.

import MizuBytes
import MizuLive
import MizuServer

extension LiveFeed {
    /// Hands all members of a topic to `receive`, as they are now, in the order in which they came;
    /// none where the app keeps no presence. Called once, on the thread of the worker that owns the
    /// topic, so it must not wait; never where that has ended. Any thread may ask. O(members).
    public func presence(
        of topic: String, _ receive: @escaping @Sendable ([PresenceMember]) -> Void
    ) {
        let name = ByteSlice(topic)
        workers.perform(on: LiveService.owner(of: name, among: workers)) { worker in
            let presence = worker.service(LiveService.self)?.presence
            receive(PresenceMember.read(presence?.table.members(of: name) ?? .empty))
        }
    }
}

extension PresenceMember {
    /// Reads entries with commas between.
    fileprivate static func read(_ entries: ByteSlice) -> [PresenceMember] {
        var text = ByteBuffer(capacity: entries.count + 2)
        text.append(UInt8(ascii: "["))
        text.append(entries)
        text.append(UInt8(ascii: "]"))
        return JSONValue(validated: text.takeSlice(leaving: 1)).elements.map { entry in
            PresenceMember(id: entry.member("id")?.string ?? "", info: entry.member("info"))
        }
    }
}
