// The files below Assets/views and Assets/static, embedded in the binary's read-only data.
// Sorted by name (bytes compared), names relative to Assets: "static/css/app.css",
// "views/pages/home.html". The bytes live as long as the process and are followed by one zero
// byte that `count` leaves out.

#pragma once
#include <stddef.h>

typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} mizu_team_asset;

extern const mizu_team_asset mizu_team_assets[];
extern const size_t mizu_team_assets_count;

// Swift does not see arrays of unknown length.
static inline mizu_team_asset mizu_team_asset_at(size_t index) {
    return mizu_team_assets[index];
}
