// What the app has to tell its developer alone, for the panel of `mizu dev`: the last few links
// that would have gone out by mail. In memory, in debug builds alone. Any thread.
//
//   GET /_dev/notes   {"notes":[{"text":"…","path":"/…"},…]}, the latest first

#if DEBUG
    import MizuBytes
    import MizuHTTP
    import Synchronization

    final class DevNotes: Sendable {
        private struct Note {
            let text, path: String
        }

        private static let countMax = 5

        private let notes = Mutex<[Note]>([])

        func add(_ text: String, path: String) {
            notes.withLock { notes in
                notes.insert(Note(text: text, path: path), at: 0)
                if notes.count > Self.countMax { notes.removeLast() }
            }
        }

        var response: Response {
            var json = JSONWriter()
            json.beginObject()
            json.key("notes")
            json.beginArray()
            for note in notes.withLock({ $0 }) {
                json.beginObject()
                json.key("text")
                json.string(note.text)
                json.key("path")
                json.string(note.path)
                json.endObject()
            }
            json.endArray()
            json.endObject()
            var response = Response.json(json.finish())
            response.set("Cache-Control", literal: "no-store")
            return response
        }
    }
#endif
