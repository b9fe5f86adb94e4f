"""The client as pages load it: how many requests a first visit takes, the guide's example, and a page
that is older than its server."""

import contextlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Process"))

from guides import blocks  # noqa: E402
from todo_page import TodoPage  # noqa: E402

REQUESTS_MAX = 6  # the page, its style, its script, its icon, the client, and the socket


def test_a_first_visit_takes_six_requests(server, new_context):
    """Besides those for records, by /_sync/; what the service worker keeps it fetches afterwards."""
    page = new_context().new_page()
    asked, finished, sockets = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfinished", lambda request: finished.append(request))
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(server.url)
    todo = TodoPage(page)
    todo.expect_synced()
    todo._wait("() => window.mizu?.live.status === 'open'")
    files = [url for url in asked if "/_sync/" not in url]
    # A socket that a machine does not open in six seconds is opened again.
    assert len(files) + len(set(sockets)) <= REQUESTS_MAX, asked
    sizes = [request.sizes() for request in finished if request.url in files]
    loaded = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    assert 20_000 < loaded < 48_000, loaded


def test_a_second_visit_asks_for_the_client_no_more(server, new_context):
    context = new_context()
    todo = TodoPage(context.new_page())
    todo.page.goto(server.url)
    todo.expect_synced()
    todo.page.goto(server.url)
    todo.expect_synced()
    client = todo.page.evaluate("""() => performance.getEntriesByType("resource")
        .filter(({ name }) => name.includes("/_mizu/"))
        .map(({ transferSize, decodedBodySize }) => [transferSize, decodedBodySize > 80_000])""")
    assert client == [[0, True]], "from the browser's cache, without a question"


def test_the_client_says_its_version(server, open_page):
    todo = open_page()
    address = todo.page.evaluate("document.querySelector('link[rel=modulepreload]').href")
    version = todo.page.evaluate("import('mizu').then((client) => client.version)")
    assert re.fullmatch(r"\d+\.\d+\.\d+-[0-9a-f]{12}", version)
    assert address == f"{server.url}_mizu/{version}/mizu.js"


def test_the_guides_list_is_one(server, new_context):
    found = {language: text for language, text in blocks("client.md")}
    layout = (ROOT / "Assets/Templates/sync/Assets/views/layouts/default.html").read_text()
    assert found["html"] in layout
    assert found["ts"] in (ROOT / "Tests/Client/sample-app.ts").read_text()
    context = new_context()
    context.route("**/static/js/app.js", lambda route: route.fulfill(
        content_type="text/javascript", body=found["js"]))
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("h1")).to_have_text("Milk (online, 0 waiting)")
    server.push({"id": "m", "name": "todo.create", "args": {"id": "t", "title": "Bread"}})
    expect(page.locator("h1")).to_have_text("Bread, Milk (online, 0 waiting)")
    assert server.titles() == ["Bread", "Milk"]


@contextlib.contextmanager
def newer_server(server):
    """Stands where the server was: pages are not to be had yet, and the old client's address is gone."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(503 if self.path == "/" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    listener = ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield asked
    finally:
        listener.shutdown()
        listener.server_close()


def test_a_page_that_is_older_than_its_server_keeps_its_client(
        server, open_page, new_context, watch):
    watch.network_may_fail = True
    context = new_context(service_workers="allow")
    todo = open_page(context)
    todo.add("Kept")
    todo.expect_synced()
    todo.installed()
    server.kill()
    with newer_server(server) as asked:
        todo.page.reload()
        todo.expect_titles("Kept")
        expect(todo.page.locator("html")).to_have_class("is-live is-whole")
        # The same where a page of the old version is open and asks past its shell.
        answer = todo.page.evaluate("""async () => {
            const address = document.querySelector("link[rel=modulepreload]").href;
            const response = await fetch(address, { cache: "reload" });
            return [response.status, (await response.text()).includes("class SyncClient")];
        }""")
        assert answer == [200, True]
        assert "/" in asked
