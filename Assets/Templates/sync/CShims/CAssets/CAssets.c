// Written by `make assets` from Assets/views and Assets/static: do not edit.
// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.

#include "CAssets.h"

#if __has_include("../packed/packed.h")
#include "../packed/packed.h"
#else
#define PACKED_ASSETS
#endif

static const unsigned char asset_static_app_webmanifest[] = {
#embed "../../Assets/static/app.webmanifest" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_css_app_css[] = {
#embed "../../Assets/static/css/app.css" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_favicon_ico[] = {
#embed "../../Assets/static/img/favicon.ico" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_icon_180_png[] = {
#embed "../../Assets/static/img/icon-180.png" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_icon_192_png[] = {
#embed "../../Assets/static/img/icon-192.png" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_icon_512_png[] = {
#embed "../../Assets/static/img/icon-512.png" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_icon_maskable_512_png[] = {
#embed "../../Assets/static/img/icon-maskable-512.png" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_img_mizu_svg[] = {
#embed "../../Assets/static/img/mizu.svg" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_announcer_js[] = {
#embed "../../Assets/static/js/announcer.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_app_js[] = {
#embed "app.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_keys_js[] = {
#embed "../../Assets/static/js/keys.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_list_window_js[] = {
#embed "../../Assets/static/js/list-window.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_refusal_words_js[] = {
#embed "../../Assets/static/js/refusal-words.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_refusals_view_js[] = {
#embed "../../Assets/static/js/refusals-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_sync_status_view_js[] = {
#embed "../../Assets/static/js/sync-status-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_title_field_js[] = {
#embed "../../Assets/static/js/title-field.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_toast_js[] = {
#embed "../../Assets/static/js/toast.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_todo_appliers_js[] = {
#embed "../../Assets/static/js/todo-appliers.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_todo_item_js[] = {
#embed "../../Assets/static/js/todo-item.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_js_todo_list_view_js[] = {
#embed "../../Assets/static/js/todo-list-view.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_static_sw_js[] = {
#embed "../../Assets/static/sw.js" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_components_sync_status_html[] = {
#embed "../../Assets/views/components/sync-status.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_components_todo_item_html[] = {
#embed "../../Assets/views/components/todo-item.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_components_todo_list_html[] = {
#embed "../../Assets/views/components/todo-list.html" suffix(, 0) if_empty(0)
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

static const unsigned char asset_views_partials_footer_html[] = {
#embed "../../Assets/views/partials/footer.html" suffix(, 0) if_empty(0)
};

static const unsigned char asset_views_partials_header_html[] = {
#embed "../../Assets/views/partials/header.html" suffix(, 0) if_empty(0)
};

const mizu_todo_asset mizu_todo_assets[] = {
    {"static/app.webmanifest", asset_static_app_webmanifest, sizeof(asset_static_app_webmanifest) - 1},
    {"static/css/app.css", asset_static_css_app_css, sizeof(asset_static_css_app_css) - 1},
    {"static/img/favicon.ico", asset_static_img_favicon_ico, sizeof(asset_static_img_favicon_ico) - 1},
    {"static/img/icon-180.png", asset_static_img_icon_180_png, sizeof(asset_static_img_icon_180_png) - 1},
    {"static/img/icon-192.png", asset_static_img_icon_192_png, sizeof(asset_static_img_icon_192_png) - 1},
    {"static/img/icon-512.png", asset_static_img_icon_512_png, sizeof(asset_static_img_icon_512_png) - 1},
    {"static/img/icon-maskable-512.png", asset_static_img_icon_maskable_512_png, sizeof(asset_static_img_icon_maskable_512_png) - 1},
    {"static/img/mizu.svg", asset_static_img_mizu_svg, sizeof(asset_static_img_mizu_svg) - 1},
    {"static/js/announcer.js", asset_static_js_announcer_js, sizeof(asset_static_js_announcer_js) - 1},
    {"static/js/app.js", asset_static_js_app_js, sizeof(asset_static_js_app_js) - 1},
    {"static/js/keys.js", asset_static_js_keys_js, sizeof(asset_static_js_keys_js) - 1},
    {"static/js/list-window.js", asset_static_js_list_window_js, sizeof(asset_static_js_list_window_js) - 1},
    {"static/js/refusal-words.js", asset_static_js_refusal_words_js, sizeof(asset_static_js_refusal_words_js) - 1},
    {"static/js/refusals-view.js", asset_static_js_refusals_view_js, sizeof(asset_static_js_refusals_view_js) - 1},
    {"static/js/sync-status-view.js", asset_static_js_sync_status_view_js, sizeof(asset_static_js_sync_status_view_js) - 1},
    {"static/js/title-field.js", asset_static_js_title_field_js, sizeof(asset_static_js_title_field_js) - 1},
    {"static/js/toast.js", asset_static_js_toast_js, sizeof(asset_static_js_toast_js) - 1},
    {"static/js/todo-appliers.js", asset_static_js_todo_appliers_js, sizeof(asset_static_js_todo_appliers_js) - 1},
    {"static/js/todo-item.js", asset_static_js_todo_item_js, sizeof(asset_static_js_todo_item_js) - 1},
    {"static/js/todo-list-view.js", asset_static_js_todo_list_view_js, sizeof(asset_static_js_todo_list_view_js) - 1},
    {"static/sw.js", asset_static_sw_js, sizeof(asset_static_sw_js) - 1},
    {"views/components/sync-status.html", asset_views_components_sync_status_html, sizeof(asset_views_components_sync_status_html) - 1},
    {"views/components/todo-item.html", asset_views_components_todo_item_html, sizeof(asset_views_components_todo_item_html) - 1},
    {"views/components/todo-list.html", asset_views_components_todo_list_html, sizeof(asset_views_components_todo_list_html) - 1},
    {"views/layouts/default.html", asset_views_layouts_default_html, sizeof(asset_views_layouts_default_html) - 1},
    {"views/pages/error.html", asset_views_pages_error_html, sizeof(asset_views_pages_error_html) - 1},
    {"views/pages/home.html", asset_views_pages_home_html, sizeof(asset_views_pages_home_html) - 1},
    {"views/partials/footer.html", asset_views_partials_footer_html, sizeof(asset_views_partials_footer_html) - 1},
    {"views/partials/header.html", asset_views_partials_header_html, sizeof(asset_views_partials_header_html) - 1},
    PACKED_ASSETS
    {0, 0, 0},
};

const size_t mizu_todo_assets_count =
    sizeof(mizu_todo_assets) / sizeof(mizu_todo_assets[0]) - 1;
