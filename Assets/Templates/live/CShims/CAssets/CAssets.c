// Written by `make assets` from Assets/views and Assets/static: do not edit.
// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.

#include "CAssets.h"

#if __has_include("../packed/packed.h")
#include "../packed/packed.h"
#else
#define PACKED_ASSETS
#endif

static const unsigned char asset_static_css_app_css[] = {
#embed "../../Assets/static/css/app.css" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_favicon_ico[] = {
#embed "../../Assets/static/img/favicon.ico" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_mizu_svg[] = {
#embed "../../Assets/static/img/mizu.svg" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_app_js[] = {
#embed "../../Assets/static/js/app.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_offline_js[] = {
#embed "../../Assets/static/js/offline.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_offline_html[] = {
#embed "../../Assets/static/offline.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_sw_js[] = {
#embed "../../Assets/static/sw.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_layouts_default_html[] = {
#embed "../../Assets/views/layouts/default.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_pages_error_html[] = {
#embed "../../Assets/views/pages/error.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_pages_home_html[] = {
#embed "../../Assets/views/pages/home.html" suffix(, 0) if_empty(0)
};

const mizu_counter_asset mizu_counter_assets[] = {
    {"static/css/app.css", asset_static_css_app_css, sizeof(asset_static_css_app_css) - 1},
    {"static/img/favicon.ico", asset_static_img_favicon_ico, sizeof(asset_static_img_favicon_ico) - 1},
    {"static/img/mizu.svg", asset_static_img_mizu_svg, sizeof(asset_static_img_mizu_svg) - 1},
    {"static/js/app.js", asset_static_js_app_js, sizeof(asset_static_js_app_js) - 1},
    {"static/js/offline.js", asset_static_js_offline_js, sizeof(asset_static_js_offline_js) - 1},
    {"static/offline.html", asset_static_offline_html, sizeof(asset_static_offline_html) - 1},
    {"static/sw.js", asset_static_sw_js, sizeof(asset_static_sw_js) - 1},
    {"views/layouts/default.html", asset_views_layouts_default_html, sizeof(asset_views_layouts_default_html) - 1},
    {"views/pages/error.html", asset_views_pages_error_html, sizeof(asset_views_pages_error_html) - 1},
    {"views/pages/home.html", asset_views_pages_home_html, sizeof(asset_views_pages_home_html) - 1},
    PACKED_ASSETS
    {0, 0, 0},
};

const size_t mizu_counter_assets_count =
    sizeof(mizu_counter_assets) / sizeof(mizu_counter_assets[0]) - 1;
