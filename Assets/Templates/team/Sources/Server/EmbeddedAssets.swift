// The files below `Assets/`, as `make assets` put them into the binary.

import CMizuTeamAssets
import Mizu

func embeddedAssets() -> Assets {
    Assets(count: mizu_team_assets_count) { index in
        let asset = mizu_team_asset_at(index)
        return (asset.name, UnsafeRawPointer(asset.bytes), asset.count)
    }
}
