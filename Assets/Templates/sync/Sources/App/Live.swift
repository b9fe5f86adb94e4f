// Live topics beside the synchronised ones: who may use them.

import Mizu

/// Sets the app's part in the conversation on `/ws`. The list needs none: its topic is Sync's.
func mountLive(on app: App) {
    app.live(onMessage: { session, request in
        LiveHandler.reply(to: session, request)
    })
}
