"""Pages that are kept by position, as `mizu serve` sends them: tags, 304, and what a push does to them."""

import threading

import pytest

from server import wait_until
from sync import create, mutation, new_id, push, push_one
from wire import Connection, fetch

pytestmark = pytest.mark.stores("sqlite", soak=("memory", "postgres"))
SCOPE = "_default"
GZIP = [("Accept-Encoding", "gzip")]


@pytest.mark.parametrize("path", ["/", "/api/todos", "/?filter=done", "/api/todos?limit=5"])
def test_who_has_the_page_is_told_so_until_somebody_pushes(server, path):
    push_one(server, SCOPE, create())
    # What the app's own handler says stays; what a template made is no shared cache's to keep.
    caching = "no-cache" if path.startswith("/api/") else "private, no-cache"
    first = fetch(server, "GET", path)
    tag = first.get("etag")
    assert first.status == 200 and tag.startswith('"') and first.get("cache-control") == caching
    assert fetch(server, "GET", path).body == first.body
    known = fetch(server, "GET", path, [("If-None-Match", tag)])
    assert known.status == 304 and known.body == b"" and known.get("etag") == tag
    assert known.get("cache-control") == caching
    push_one(server, SCOPE, create())
    fresh = fetch(server, "GET", path, [("If-None-Match", tag)])
    assert fresh.status == 200 and fresh.get("etag") != tag
    # A push to another scope is none of this page's business.
    push_one(server, "elsewhere", create())
    assert fetch(server, "GET", path, [("If-None-Match", fresh.get("etag"))]).status == 304


def test_the_packed_page_is_another_representation(server):
    push(server, SCOPE, *(create() for _ in range(20)))
    plain, packed = fetch(server, "GET", "/"), fetch(server, "GET", "/", GZIP)
    assert packed.get("content-encoding") == "gzip" and plain.get("content-encoding") is None
    assert plain.get("etag") != packed.get("etag")
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.get("vary") and not answer.get("etag").startswith("W/")
    assert fetch(server, "GET", "/", [*GZIP, ("If-None-Match", packed.get("etag"))]).status == 304
    assert fetch(server, "GET", "/", [*GZIP, ("If-None-Match", plain.get("etag"))]).status == 200
    head = fetch(server, "HEAD", "/")
    assert head.status == 200 and head.get("etag") == plain.get("etag") and head.body == b""


def test_another_process_gives_the_same_state_another_tag(start, tmp_path):
    """Its templates may be others."""
    tags = set()
    for _ in range(2):
        running = start(folder=tmp_path).ready()
        tags.add(fetch(running, "GET", "/").get("etag"))
        running.stop()
    assert len(tags) == 2


@pytest.mark.parametrize("workers", ["1", "3"])
def test_whoever_has_seen_a_change_is_never_shown_a_page_without_it(start, workers):
    """Some push and look at once, on whatever worker; others ask all the time, so that pages are
    always being made. Each page holds all that was answered before it was asked for."""
    running = start(env={"WORKERS": workers}).ready()
    failures, is_over = [], threading.Event()

    def write(number):
        with Connection(running) as writer, Connection(running) as reader:
            for turn in range(30):
                record = f"{number}-{turn}-{new_id()}"
                result = push_one(writer, SCOPE, create(record))
                path = "/" if turn % 2 else "/api/todos?limit=1000"
                seen = reader.request("GET", path)
                if seen.status != 200 or record.encode() not in seen.body:
                    failures.append((record, result, seen.status))
                push_one(writer, SCOPE, mutation("todo.delete", id=record))

    def ask():
        with Connection(running) as reader:
            while not is_over.is_set():
                if reader.request("GET", "/").status != 200:
                    failures.append("asking")

    askers = [threading.Thread(target=ask) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in (*askers, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    is_over.set()
    for thread in askers:
        thread.join(60)
    assert not failures, failures
    running.stop()


def test_in_development_a_page_shows_its_template_as_it_is_now(start, tmp_path):
    import shutil
    from pathlib import Path
    root = Path(__file__).resolve().parents[2]
    shutil.copytree(root / "Assets/Templates/sync/Assets", tmp_path / "Assets")
    running = start(env={"DEV": "true"}).ready()
    view = tmp_path / "Assets/views/pages/home.html"
    assert "<h1>To-dos</h1>" in fetch(running, "GET", "/").body.decode()
    view.write_text(view.read_text().replace("<h1>To-dos</h1>", "<h1>Changed</h1>"))
    wait_until(lambda: b"<h1>Changed</h1>" in fetch(running, "GET", "/").body, 60, "the new page")
    assert fetch(running, "GET", "/").get("etag") is None
    running.stop()
