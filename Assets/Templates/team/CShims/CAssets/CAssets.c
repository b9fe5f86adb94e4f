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
#embed "app.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_appliers_js[] = {
#embed "../../Assets/static/js/appliers.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_faces_js[] = {
#embed "../../Assets/static/js/faces.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_list_view_js[] = {
#embed "../../Assets/static/js/list-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_lists_view_js[] = {
#embed "../../Assets/static/js/lists-view.js" suffix(, 0) if_empty(0)
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

static const unsigned char asset_views_pages_join_html[] = {
#embed "../../Assets/views/pages/join.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_partials_header_html[] = {
#embed "../../Assets/views/partials/header.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_partials_item_html[] = {
#embed "../../Assets/views/partials/item.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_partials_member_html[] = {
#embed "../../Assets/views/partials/member.html" suffix(, 0) if_empty(0)
};

const mizu_team_asset mizu_team_assets[] = {
    {"static/css/app.css", asset_static_css_app_css, sizeof(asset_static_css_app_css) - 1},
    {"static/img/favicon.ico", asset_static_img_favicon_ico, sizeof(asset_static_img_favicon_ico) - 1},
    {"static/img/mizu.svg", asset_static_img_mizu_svg, sizeof(asset_static_img_mizu_svg) - 1},
    {"static/js/app.js", asset_static_js_app_js, sizeof(asset_static_js_app_js) - 1},
    {"static/js/appliers.js", asset_static_js_appliers_js, sizeof(asset_static_js_appliers_js) - 1},
    {"static/js/faces.js", asset_static_js_faces_js, sizeof(asset_static_js_faces_js) - 1},
    {"static/js/list-view.js", asset_static_js_list_view_js, sizeof(asset_static_js_list_view_js) - 1},
    {"static/js/lists-view.js", asset_static_js_lists_view_js, sizeof(asset_static_js_lists_view_js) - 1},
    {"static/sw.js", asset_static_sw_js, sizeof(asset_static_sw_js) - 1},
    {"views/layouts/default.html", asset_views_layouts_default_html, sizeof(asset_views_layouts_default_html) - 1},
    {"views/pages/error.html", asset_views_pages_error_html, sizeof(asset_views_pages_error_html) - 1},
    {"views/pages/home.html", asset_views_pages_home_html, sizeof(asset_views_pages_home_html) - 1},
    {"views/pages/join.html", asset_views_pages_join_html, sizeof(asset_views_pages_join_html) - 1},
    {"views/partials/header.html", asset_views_partials_header_html, sizeof(asset_views_partials_header_html) - 1},
    {"views/partials/item.html", asset_views_partials_item_html, sizeof(asset_views_partials_item_html) - 1},
    {"views/partials/member.html", asset_views_partials_member_html, sizeof(asset_views_partials_member_html) - 1},
    PACKED_ASSETS
    {0, 0, 0},
};

const size_t mizu_team_assets_count =
    sizeof(mizu_team_assets) / sizeof(mizu_team_assets[0]) - 1;
