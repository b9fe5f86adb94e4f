// The files below `Assets/`, as `make assets` put them into the binary.

import CMizuTodoAssets
import Mizu

func embeddedAssets() -> Assets {
    Assets(count: mizu_todo_assets_count) { index in
        let asset = mizu_todo_asset_at(index)
        return (asset.name, UnsafeRawPointer(asset.bytes), asset.count)
    }
}
