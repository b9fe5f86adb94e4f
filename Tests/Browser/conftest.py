"""Fixtures: a fresh server for each test, one Chromium for all, and a watch over every page.

A page that logs an error, throws, or breaks the content security policy fails its test. Tests that
cut the network on purpose say so, because then the browser itself logs what it could not load.
"""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright,
)

from mizu_server import Server
from todo_page import TodoPage

CHROMIUM = "/usr/bin/chromium"
NETWORK_NOISE = ("Failed to load resource", "WebSocket connection to", "net::ERR_")
SCREENS = Path(__file__).resolve().parents[2] / ".build" / "screens"

expect.set_options(timeout=60_000)


def launch_options() -> dict:
    # Root cannot have Chromium's sandbox; without this word Playwright gives nobody one.
    return {"executable_path": CHROMIUM, "chromium_sandbox": os.geteuid() != 0, "timeout": 120_000}


class Watch:
    """Collects what pages complain about."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.network_may_fail = False

    def over(self, context: BrowserContext) -> None:
        context.set_default_timeout(60_000)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error("
            "`CSP: ${event.violatedDirective} ${event.blockedURI}`), true);"
        )
        context.on("console", self._heard)
        context.on("page", self._over_page)

    def _over_page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        if self.network_may_fail and any(noise in message.text for noise in NETWORK_NOISE):
            return
        self.complaints.append(message.text)


@pytest.fixture(scope="session")
def playwright_driver():
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright_driver) -> Browser:
    browser = playwright_driver.chromium.launch(**launch_options())
    yield browser
    browser.close()


@pytest.fixture
def server(tmp_path) -> Server:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    yield watch
    assert watch.complaints == []


@pytest.fixture
def new_context(browser, server, watch):
    """Makes watched contexts: each is a person with a browser of their own.

    Without a service worker unless `service_workers="allow"` is given: filling a shell in each of
    hundreds of contexts takes half of a busy machine's time, and is the subject of a few tests.
    They depend on the server so that they close before it goes: its end is none of their errors.
    """
    contexts: list[BrowserContext] = []

    def make(**options) -> BrowserContext:
        options.setdefault("service_workers", "block")
        context = browser.new_context(**options)
        watch.over(context)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(new_context, server):
    """Opens the todo page, in a context of its own unless one is given."""

    def make(context: BrowserContext | None = None, **options) -> TodoPage:
        page: Page = (context or new_context(**options)).new_page()
        page.goto(server.url)
        return TodoPage(page)

    return make


@pytest.fixture
def installation(playwright_driver, server, tmp_path, watch):
    """A browser with a profile on disk, that can be closed and opened again."""
    contexts: list[BrowserContext] = []

    def launch() -> BrowserContext:
        context = playwright_driver.chromium.launch_persistent_context(
            str(tmp_path / "profile"), **launch_options())
        watch.over(context)
        contexts.append(context)
        return context

    yield launch
    for context in contexts:
        context.close()
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)


@pytest.fixture(scope="session")
def screens() -> Path:
    SCREENS.mkdir(parents=True, exist_ok=True)
    return SCREENS
