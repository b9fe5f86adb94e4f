"""The template `live`: one number that every open page shows, with JavaScript and without."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mizu_server import Server

COUNTER = Path(os.environ["MIZU_BIN"]).parent / "MizuCounterServer"


@pytest.fixture
def server(tmp_path):
    if not COUNTER.exists():
        pytest.skip("MizuCounterServer is not built")
    server = Server(tmp_path, command=(str(COUNTER),))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def open_counter(new_context, server):
    def make(**options) -> Page:
        page = new_context(**options).new_page()
        page.goto(server.url)
        return page

    return make


def count(page: Page):
    return expect(page.locator(".count"))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def is_live(page: Page) -> None:
    expect(page.locator(".connection")).to_have_text("Press a button: every open page shows it.")


def test_all_open_pages_share_the_number(open_counter):
    ada, bob = open_counter(), open_counter()
    for page in (ada, bob):
        count(page).to_have_text("0")
        is_live(page)
    ada.evaluate("window.isTheSamePage = true")
    press(ada, "One more")
    for page in (ada, bob):
        count(page).to_have_text("1")
    press(bob, "One more")
    press(bob, "One less")
    press(bob, "One more")
    for page in (ada, bob):
        count(page).to_have_text("2")
    assert ada.evaluate("window.isTheSamePage") is True, "a press loaded the page anew"


def test_without_javascript_each_button_is_a_form_that_others_see(open_counter):
    plain, live = open_counter(java_script_enabled=False), open_counter()
    is_live(live)
    press(plain, "One more")
    count(plain).to_have_text("1")
    count(live).to_have_text("1")


def test_a_form_sent_twice_counts_once(open_counter, server):
    page = open_counter(java_script_enabled=False)
    name = page.locator("input[name=mutation]").last.get_attribute("value")
    for _ in range(2):
        answer = page.request.post(
            server.url + "count", form={"mutation": name, "by": "1"},
            headers={"Origin": server.url.rstrip("/")})
        assert answer.ok
    page.reload()
    count(page).to_have_text("1")


def test_a_server_that_comes_back_is_followed_again(open_counter, server, watch):
    watch.network_may_fail = True
    page = open_counter()
    is_live(page)
    press(page, "One more")
    count(page).to_have_text("1")
    server.restart()
    server.push({"id": "m1", "name": "counter.add", "args": {"by": 5}})
    count(page).to_have_text("6")
    is_live(page)
    press(page, "One more")
    count(page).to_have_text("7")


def is_away(page: Page) -> None:
    expect(page.get_by_role("heading", name="No connection to the counter")).to_be_visible()


@pytest.mark.parametrize("act", ["reload", "press"])
def test_a_server_that_is_away_is_said_by_a_page_of_ours(open_counter, server, watch, act):
    watch.network_may_fail = True
    page = open_counter(service_workers="allow")
    is_live(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    expect_controlled(page)
    server.kill()
    if act == "reload":
        page.reload()
    else:
        page.evaluate("document.querySelector('form').submit()")  # as without scripts
    is_away(page)
    assert "app.css" in page.evaluate("document.styleSheets[0].href")
    expect(page.get_by_role("link", name="Try again")).to_be_visible()
    server.start()
    # It goes back by itself.
    count(page).to_have_text("0", timeout=60_000)
    is_live(page)


def expect_controlled(page: Page) -> None:
    page.evaluate("""() => navigator.serviceWorker.controller ? true : new Promise((resolve) =>
        navigator.serviceWorker.addEventListener("controllerchange", () => resolve(true)))""")
