// Written by `make assets` from Assets/Templates/sync/Assets: do not edit.
// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.

#include "CAssets.h"

const mizu_asset mizu_assets[] = {
    {0, 0, 0},
};

const size_t mizu_assets_count = sizeof(mizu_assets) / sizeof(mizu_assets[0]) - 1;
