"""Pages of other sites, in a real browser: a name that was pointed at this server (DNS rebinding),
an app on another origin with and without permission, and own pages that hide where they come from.
"""

import http.server
import threading

import pytest
from playwright.sync_api import expect

from conftest import launch_options
from mizu_server import Server
from todo_page import TodoPage

ASK = """async ([url, path, body, headers]) => {
  try {
    const answer = await fetch(url + path, {
      method: body === null ? "GET" : "POST", body, headers, credentials: CREDENTIALS });
    return [answer.status, answer.headers.get("Location"), (await answer.text()).length > 0];
  } catch (error) { return [0, error.name, false]; }
}"""
HEAR = """(url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onmessage = (event) => { done(JSON.parse(event.data).type); socket.close(); };
  socket.onopen = () => socket.send('{"type":"ping","ref":"1"}');
  socket.onerror = () => done("error");
})"""


class Site(http.server.BaseHTTPRequestHandler):
    """Another origin's page, as empty as it can be."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title>")

    def log_message(self, *_):
        pass


@pytest.fixture
def origin():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def serve(tmp_path):
    running = []

    def start(**settings):
        folder = tmp_path / f"server-{len(running)}"
        folder.mkdir()
        running.append(Server(folder, settings))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.kill()


def ask(page, server, path, body=None, headers=None, credentials="include"):
    script = ASK.replace("CREDENTIALS", repr(credentials))
    return page.evaluate(script, [server.url.rstrip("/"), path, body, headers or {}])


JSON = {"Content-Type": "application/json"}
PUSH = '{"mutations":[{"id":"m1","name":"todo.create","args":{"id":"t1","title":"Milk"}}]}'


def test_a_name_that_was_pointed_here_reaches_nothing(playwright_driver, serve):
    server = serve()
    port = server.url.rstrip("/").rpartition(":")[2]
    options = launch_options()
    browser = playwright_driver.chromium.launch(
        **options, args=["--host-resolver-rules=MAP evil.example 127.0.0.1"])
    try:
        page = browser.new_page()
        answer = page.goto(f"http://evil.example:{port}/")
        assert answer.status == 421 and "HOSTS" in answer.text()
        # The page's own origin, as it takes the server for its site's.
        assert page.evaluate("fetch('/_sync/snapshot', {method: 'POST', body: '{}', headers: "
                             "{'Content-Type': 'application/json'}}).then((a) => a.status)") == 421
        assert page.evaluate(HEAR, f"ws://evil.example:{port}/ws") == "error"
        assert page.goto(f"http://localhost:{port}/").status == 200
    finally:
        browser.close()
    assert server.todos() == []


def test_another_origins_page_may_do_what_it_was_allowed_and_no_more(browser, serve, origin):
    page = browser.new_page()
    page.goto(origin)
    strict, open_to_all, named = (
        serve(), serve(ALLOWED_ORIGINS="*"), serve(ALLOWED_ORIGINS=f"https://app.example,{origin}"))
    own = {**JSON, "X-Own": "1"}
    sockets = [server.url.replace("http", "ws") + "ws" for server in (strict, open_to_all, named)]
    assert ask(page, strict, "/")[0] == 0
    assert ask(page, strict, "/_sync/push", PUSH, JSON)[0] == 0
    assert page.evaluate(HEAR, sockets[0]) == "error"
    assert strict.todos() == []

    assert ask(page, open_to_all, "/", credentials="omit")[0] == 200
    assert ask(page, open_to_all, "/_sync/snapshot", "{}", JSON, "omit")[0] == 200
    assert ask(page, open_to_all, "/_sync/pull", '{"cursor":0}', JSON, "omit")[0] == 200
    assert ask(page, open_to_all, "/")[0] == 0, "never with cookies"
    assert ask(page, open_to_all, "/_sync/push", PUSH, JSON, "omit")[0] == 0
    # A form needs no preflight.
    page.evaluate("(url) => fetch(url, {method: 'POST', mode: 'no-cors', body: "
                  "new URLSearchParams({title: 'x'})}).catch(() => 0)", open_to_all.url + "todos")
    assert page.evaluate(HEAR, sockets[1]) == "error"
    assert open_to_all.todos() == []

    assert ask(page, named, "/_sync/push", PUSH, own)[0] == 200
    assert ask(page, named, "/_sync/push", "{", own)[0] == 400, "errors can be read, too"
    assert ask(page, named, "/")[0] == 200
    assert page.evaluate(HEAR, sockets[2]) == "pong"
    assert [todo["title"] for todo in named.todos()] == ["Milk"]
    page.close()


def test_own_forms_of_a_page_without_a_referrer_are_taken(server, new_context):
    """`Referrer-Policy: no-referrer` makes browsers send `Origin: null` with the page's own forms."""
    context = new_context(java_script_enabled=False)
    page = context.new_page()
    seen = []

    def without_referrer(route):
        seen.append(route.request.all_headers() if route.request.method == "POST" else {})
        if route.request.method == "POST":
            return route.continue_()
        answer = route.fetch()
        return route.fulfill(
            response=answer, headers={**answer.headers, "referrer-policy": "no-referrer"})

    # The page and its forms alone; what else it loads may be on its way when the test ends.
    page.route(lambda url: url.startswith(server.url) and "/static/" not in url, without_referrer)
    page.goto(server.url)
    plain = TodoPage(page)
    plain.add("Milk")
    expect(page).to_have_url(server.url)
    assert server.titles() == ["Milk"]
    page.unroute_all(behavior="wait")
    assert "null" in [headers.get("origin") for headers in seen]
