// The app's own executable: what `swift run` starts. Settings come from the environment.

import Glibc
import Mizu
import MizuTeam

do {
    let configuration = try Configuration.from(environment: Configuration.processEnvironment())
    try makeApp(configuration, assets: embeddedAssets()).run()
} catch {
    StandardErrorLog.say("\(error)")
    exit(1)
}
