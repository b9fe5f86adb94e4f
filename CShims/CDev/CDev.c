// The table behind CDev.h. SwiftPM defines DEBUG for debug builds only; files are added by hand, as
// there are few. Each array ends with a zero byte that its count leaves out.

#include "CDev.h"

#ifdef DEBUG
static const unsigned char dev_js[] = {
#embed "../../Assets/dev/dev.js" suffix(, 0) if_empty(0)
};
static const unsigned char keep_js[] = {
#embed "../../Assets/dev/keep.js" suffix(, 0) if_empty(0)
};
static const unsigned char overlay_js[] = {
#embed "../../Assets/dev/overlay.js" suffix(, 0) if_empty(0)
};
static const unsigned char panel_js[] = {
#embed "../../Assets/dev/panel.js" suffix(, 0) if_empty(0)
};
static const unsigned char dev_css[] = {
#embed "../../Assets/dev/dev.css" suffix(, 0) if_empty(0)
};
#endif

static const cdev_file files[] = {
#ifdef DEBUG
    {"dev.js", dev_js, sizeof dev_js - 1},
    {"keep.js", keep_js, sizeof keep_js - 1},
    {"overlay.js", overlay_js, sizeof overlay_js - 1},
    {"panel.js", panel_js, sizeof panel_js - 1},
    {"dev.css", dev_css, sizeof dev_css - 1},
#endif
    {0, 0, 0},
};

const cdev_file *cdev_file_at(size_t index) {
    size_t last = sizeof files / sizeof files[0] - 1;
    return &files[index < last ? index : last];
}
