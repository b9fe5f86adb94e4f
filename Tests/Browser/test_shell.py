"""The service worker's shell holds all of the page, and nothing but the page."""

import contextlib
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

ASSETS = Path(__file__).resolve().parents[2] / "Assets/Templates/sync/Assets"
KEPT = """async () => {
    const [name] = await caches.keys();
    const requests = await (await caches.open(name)).keys();
    return requests.map((request) => new URL(request.url).pathname);
}"""
CLIENT = "document.querySelector('link[rel=modulepreload]').getAttribute('href')"


def test_the_shell_holds_every_asset_that_the_page_needs(server, open_page):
    todo = open_page(service_workers="allow")
    todo.installed()
    kept = todo.page.evaluate(KEPT)
    files = [f"/static/{file.relative_to(ASSETS / 'static')}"
             for file in (ASSETS / "static").rglob("*")
             if file.is_file() and file.suffix not in (".js", ".ico")]
    client = todo.page.evaluate(CLIENT)
    assert sorted(kept) == sorted(["/", "/.whole", "/static/js/app.js", client, *files])


def test_a_page_opens_while_the_server_is_frozen(server, open_page, new_context, watch):
    watch.network_may_fail = True
    context = new_context(service_workers="allow")
    todo = open_page(context)
    todo.add("Still here")
    todo.expect_synced()
    todo.installed()
    server.freeze()
    again = context.new_page()
    again.goto(server.url + "?filter=active")
    expect(again.locator(".todo-title")).to_have_text(["Still here"])
    expect(again.locator(".sync-status")).to_have_attribute("data-state", "offline")
    server.thaw()
    expect(again.locator(".sync-status")).to_have_attribute("data-state", "online", timeout=60_000)


def test_a_shell_that_broke_while_it_was_filled_is_not_used(server, open_page, watch):
    """The network went, or the browser did: what came of the new version is not the page."""
    watch.network_may_fail = True
    todo = open_page(service_workers="allow")
    todo.add("Whole")
    todo.expect_synced()
    todo.installed()
    todo.page.evaluate("""async () => {
        const broken = await caches.open("mizu-shell-3-9999999999999");
        const html = { headers: { "Content-Type": "text/html" } };
        await broken.put("/?shell=1", new Response("half a page", html));
    }""")
    server.kill()
    todo.page.reload()
    todo.expect_titles("Whole")
    server.start()
    todo.expect_state("online", timeout=60_000)


def test_data_and_forms_are_never_kept(server, open_page):
    todo = open_page(service_workers="allow")
    todo.installed()
    todo.add("Data")
    todo.expect_synced()
    paths = todo.page.evaluate("""async () => {
        const all = [];
        for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys())
                all.push(new URL(request.url).pathname);
        return all;
    }""")
    assert not [path for path in paths if path.startswith(("/_sync", "/api", "/ws", "/todos"))]


CACHED = """async () => {
    const texts = [];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) {
            texts.push(await (await cache.match(request)).text());
        }
    }
    return texts;
}"""

DUMPED = """async () => {
    const texts = Object.values(localStorage);
    for (const { name } of await indexedDB.databases()) {
        const database = await new Promise((resolve) => {
            indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result); });
        for (const store of database.objectStoreNames) {
            texts.push(await new Promise((resolve) => {
                const request = database.transaction(store).objectStore(store).getAll();
                request.onsuccess = () => resolve(JSON.stringify(request.result));
            }));
        }
        database.close();
    }
    return texts.join();
}"""


def secretive(server, context, open_page):
    """A page that knows a secret, from a server that shows it in its page."""
    todo = open_page(context)
    todo.add("ann's secret")
    todo.expect_synced()
    todo.installed()
    todo.page.reload()
    todo.expect_titles("ann's secret")
    todo.expect_synced()
    assert "secret" in urllib.request.urlopen(server.url, timeout=60).read().decode()
    return todo


def test_the_shell_is_a_page_without_data(server, open_page, new_context):
    todo = secretive(server, new_context(service_workers="allow"), open_page)
    texts = todo.page.evaluate(CACHED)
    assert len(texts) > 8 and not [text for text in texts if "secret" in text]
    bare = urllib.request.urlopen(server.url + "?shell=1", timeout=60).read().decode()
    assert 'name="mizu-shell"' in bare and "secret" not in bare


@pytest.mark.parametrize(("status", "code"), [
    (403, "scope_denied"), (403, "wrong_user"), (401, "unauthenticated")])
def test_who_may_not_see_it_finds_nothing_of_it_here(
        server, open_page, new_context, watch, status, code):
    watch.network_may_fail = True
    todo = secretive(server, new_context(service_workers="allow"), open_page)
    todo.page.route("**/_sync/*", lambda route: route.fulfill(
        status=status, content_type="application/json",
        body='{"code": "%s", "error": "a test says so"}' % code))
    todo.page.evaluate("""async () => {
        mizu.live.close();
        const own = await caches.open("mizu-pages-1"); // a cache of the app's own
        await own.put("/ann", new Response("ann's page"));
    }""")
    todo.add("typed by ann")
    expect(todo.item("ann's secret")).to_have_count(0)
    todo._wait("() => !document.documentElement.innerHTML.includes('secret')")
    for _ in range(3000):  # off the screen first
        if "secret" not in todo.page.evaluate(DUMPED):
            break
        todo.page.wait_for_timeout(20)
    assert "secret" not in todo.page.evaluate(DUMPED)
    todo.page.wait_for_function("caches.has('mizu-pages-1').then((found) => !found)")
    assert todo.page.evaluate(CACHED), "the shell is nobody's, and opens the page for whoever comes"
    # What was typed is not lost: it waits, or lies aside, for who has typed it.
    assert "typed by ann" in todo.page.evaluate(DUMPED)


def test_signing_out_leaves_nothing_in_any_tab(server, open_page, new_context, watch):
    context = new_context(service_workers="allow")
    todo = secretive(server, context, open_page)
    other = open_page(context)
    other.expect_titles("ann's secret")
    other.expect_synced()
    todo.page.evaluate("mizu.client.signOut()")
    for tab in (todo, other):
        expect(tab.items).to_have_count(0)
        tab.expect_state("error")
        assert tab.page.evaluate("mizu.client.status.problem.code") == "signed_out"
    assert todo.page.evaluate(CACHED) == []
    assert "secret" not in todo.page.evaluate(DUMPED)
    todo.page.evaluate("mizu.client.resume()")
    todo.expect_titles("ann's secret")
    todo.expect_synced()


@contextlib.contextmanager
def edge(server, status: int, body: str):
    """Stands where the server was, and answers everything the same."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, *_):
            pass

    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    listener = ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield
    listener.shutdown()
    listener.server_close()


@pytest.mark.parametrize("status", [500, 502, 521, 530, 200])
def test_the_shell_opens_where_somebody_else_answers_for_the_app(
        server, open_page, new_context, watch, status):
    """An edge says in numbers of its own that the server is not there; a portal says nothing."""
    watch.network_may_fail = True
    context = new_context(service_workers="allow")
    todo = open_page(context)
    todo.add("Kept here")
    todo.expect_synced()
    todo.installed()
    server.kill()
    with edge(server, status, "<html><title>Edge</title><h1>Please sign in</h1></html>"):
        todo.page.reload()
        todo.expect_titles("Kept here")
        todo.expect_state("offline")
    server.start()
    todo.expect_state("online", timeout=60_000)


@pytest.mark.parametrize(("status", "shell"), [(404, True), (521, False)])
def test_what_the_app_says_or_nobody_can_better_is_shown(
        server, open_page, new_context, watch, status, shell):
    watch.network_may_fail = True
    todo = open_page(new_context(service_workers="allow"))
    todo.installed()
    if not shell:
        todo.page.evaluate("""async () => {
            for (const name of await caches.keys()) await caches.delete(name); }""")
    server.kill()
    with edge(server, status, "<html><title>Edge</title><h1>Not here</h1></html>"):
        todo.page.reload()
        expect(todo.page.locator("h1")).to_have_text("Not here")
