// The files below `Assets/`, as `make assets` put them into the binary.

import CMizuCounterAssets
import Mizu

func embeddedAssets() -> Assets {
    Assets(count: mizu_counter_assets_count) { index in
        let asset = mizu_counter_asset_at(index)
        return (asset.name, UnsafeRawPointer(asset.bytes), asset.count)
    }
}
