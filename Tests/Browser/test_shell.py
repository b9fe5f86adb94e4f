"""The service worker's shell holds all of the page, and nothing but the page."""

from pathlib import Path

from playwright.sync_api import expect

ASSETS = Path(__file__).resolve().parents[2] / "Assets/Templates/sync/Assets"


def test_the_shell_lists_every_asset(server, open_page):
    todo = open_page(service_workers="allow")
    todo.installed()
    kept = todo.page.evaluate("""async () => {
        const [name] = await caches.keys();
        const requests = await (await caches.open(name)).keys();
        return requests.map((request) => new URL(request.url).pathname);
    }""")
    files = [f"/static/{file.relative_to(ASSETS / 'static')}"
             for file in (ASSETS / "static").rglob("*") if file.is_file() and file.name != "sw.js"]
    assert sorted(kept) == sorted(["/", "/.whole", *files])


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
    expect(again.locator(".sync-status")).to_have_attribute("data-state", "online", timeout=25_000)


def test_a_shell_that_broke_while_it_was_filled_is_not_used(server, open_page, watch):
    """The network went, or the browser did: what came of the new version is not the page."""
    watch.network_may_fail = True
    todo = open_page(service_workers="allow")
    todo.add("Whole")
    todo.expect_synced()
    todo.installed()
    todo.page.evaluate("""async () => {
        const broken = await caches.open("mizu-shell-2-9999999999999");
        const html = { headers: { "Content-Type": "text/html" } };
        await broken.put("/", new Response("half a page", html));
    }""")
    server.kill()
    todo.page.reload()
    todo.expect_titles("Whole")
    server.start()
    todo.expect_state("online", timeout=25_000)


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
