"""The page as an app of the device: manifest, icons, the address that browsers ask for by themselves."""

import json
import struct

from playwright.sync_api import expect


def test_the_manifest_is_one_that_browsers_take(server, open_page):
    todo = open_page()
    session = todo.page.context.new_cdp_session(todo.page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    assert found["url"] == server.url + "static/app.webmanifest"
    manifest = json.loads(found["data"])
    assert (manifest["display"], manifest["start_url"], manifest["scope"]) == \
        ("standalone", "/", "/")
    answer = todo.page.request.get(found["url"])
    assert answer.headers["content-type"] == "application/manifest+json"
    icons = manifest["icons"]
    assert "maskable" in [icon.get("purpose") for icon in icons]
    for icon in icons:
        answer = todo.page.request.get(server.url.rstrip("/") + icon["src"])
        assert answer.ok and answer.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            assert "x".join(map(str, size(answer.body()))) == icon["sizes"]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_the_icons_are_there_where_browsers_look(server, open_page):
    page = open_page().page
    answer = page.request.get(server.url + "favicon.ico")
    assert answer.ok and answer.headers["content-type"] == "image/x-icon"
    assert answer.body()[:4] == b"\0\0\1\0"
    links = page.locator("link[rel~=icon], link[rel=apple-touch-icon]").all()
    assert len(links) == 3
    for link in links:
        assert page.request.get(server.url.rstrip("/") + link.get_attribute("href")).ok


def test_an_address_that_is_not_there_looks_like_the_rest(server, open_page, watch):
    watch.network_may_fail = True
    page = open_page().page
    answer = page.goto(server.url + "there-is-no-such-page")
    assert answer.status == 404
    expect(page.get_by_role("heading")).to_be_visible()
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 50
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_role("heading", name="To-dos")).to_be_visible()
