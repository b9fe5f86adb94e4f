// The app's own messages on `/ws`. As shipped there are none: a topic exists only where this says
// so. To let every open page share a room, allow `room:` topics here and `publish` to them.

import Mizu

enum LiveHandler {
    static func reply(to session: LiveSession, _ request: LiveRequest) -> LiveReply {
        .deny
    }
}
