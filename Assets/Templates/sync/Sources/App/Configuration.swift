// The app's own settings. Those of the server (ADDR, DATABASE_URL and so on) are Mizu's.

import Mizu

enum AppConfiguration {
    /// Everybody shares one list. An app with users would give each a scope, and say in
    /// `mountSync` who may use which.
    static let scope = Name.defaultScope
}
