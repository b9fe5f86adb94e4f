"""Lists that are longer than a page, of the page and of the interface, and errors as browsers and
programs are told them."""

import html
import re
import urllib.parse

import pytest

from sync import create, mutation, new_id, push
from wire import fetch

SCOPE = "_default"
BROWSER = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
COUNT = 1_150


@pytest.fixture(scope="module")
def listed(server):
    """Ids of to-dos, more than a page, in the order in which they are shown."""
    ids = [f"{number:012x}{new_id()[:20]}" for number in range(COUNT)]
    for start in range(0, COUNT, 100):
        push(server, SCOPE, *(create(one, f"number {one[:12]}") for one in ids[start:start + 100]))
    return ids


def shown(server, target="/"):
    """The ids on a page, and where its links lead."""
    answer = fetch(server, "GET", target)
    assert answer.status == 200, answer
    text = answer.body.decode()
    links = {rel: html.unescape(href) for href, rel in
             re.findall(r'<a href="([^"]*)" rel="(next|first)">', text)}
    items = [html.unescape(one) for one in re.findall(r'<li class="todo-item[^>]*data-id="([^"]+)"', text)]
    return items, links, text


def varies_by_accept(answer):
    return "Accept" in [one.strip() for one in answer.get("vary", "").split(",")]


def next_link(answer):
    link = answer.get("link")
    return None if link is None else re.fullmatch(r'<(/api/todos\?[^>]*)>; rel="next"', link)[1]


# --- the page -------------------------------------------------------------------------------------


def test_a_long_list_is_shown_a_hundred_at_a_time_and_each_once(server, listed):
    seen, target, pages = [], "/", 0
    while target:
        items, links, text = shown(server, target)
        assert 0 < len(items) <= 100
        assert len(text) < 1 << 20
        assert ("first" in links) == (pages > 0)
        assert "on this page" in text
        seen, target, pages = seen + items, links.get("next"), pages + 1
    assert seen == listed and pages == 12


def test_a_filter_looks_at_a_part_of_the_list_and_says_where_to_go_on(server, listed):
    """None is done: no request may look at all of them to find that out."""
    items, links, text = shown(server, "/?filter=done")
    assert items == []
    assert '<p class="empty">There is nothing of this kind on this page.</p>' in text
    assert "filter=done" in links["next"]
    items, links, _ = shown(server, links["next"])
    assert items == [] and "next" not in links and links["first"] == "/?filter=done"
    # Found ones fill the page, whatever lies between.
    done = listed[::50]
    push(server, SCOPE, *(mutation("todo.toggle", id=one, done=True) for one in done))
    first, links, _ = shown(server, "/?filter=done")
    second, links, _ = shown(server, links["next"])
    assert first + second == done and "next" not in links
    push(server, SCOPE, *(mutation("todo.toggle", id=one, done=False) for one in done))


def test_forms_come_back_to_their_page_and_a_new_item_is_seen(server, listed):
    _, links, _ = shown(server)
    second, _, text = shown(server, links["next"])
    after = re.search(r'name="after" value="([^"]+)"', text)[1]
    item, = re.findall(fr'name=id value="([0-9]+\.{second[5]})"', text)
    fields = {"id": item, "done": "on", "tick": ""}
    answer = fetch(server, "POST", links["next"], FORM, urllib.parse.urlencode(fields).encode())
    assert answer.status == 303 and answer.get("location") == "/?after=" + after
    new = "f" * 12 + new_id()[:20]
    fields = {"id": new, "mutation": new_id(), "title": "new", "part": "1", "after": after}
    answer = fetch(server, "POST", "/todos", FORM, urllib.parse.urlencode(fields).encode())
    assert answer.status == 303
    items, links, _ = shown(server, answer.get("location"))
    assert items == [new] and "first" in links
    # "Clear done" deletes what this page shows as done, and nothing else.
    _, _, text = shown(server, "/?after=" + after)
    clear = text[text.index('class="clear-form"'):].split("</form>")[0]
    assert re.findall(r'name="id" value="([^"]+)"', clear) == [second[5]]
    push(server, SCOPE, mutation("todo.delete", id=new),
         mutation("todo.toggle", id=second[5], done=False))


def test_an_empty_list_says_why_it_is_empty(start):
    running = start(database="memory:").ready()
    assert '<p class="empty">Nothing to do yet. Add the first one above.</p>' in shown(running)[2]
    one = new_id()
    push(running, SCOPE, create(one))
    assert '<p class="empty" hidden>' in shown(running)[2]
    assert '<p class="empty">Nothing is done yet.</p>' in shown(running, "/?filter=done")[2]
    push(running, SCOPE, mutation("todo.toggle", id=one, done=True))
    assert '<p class="empty">Nothing left to do. Well done.</p>' in \
        shown(running, "/?filter=active")[2]
    running.stop()


def test_a_page_of_the_longest_titles_is_shown(start):
    """500 characters of which each takes six bytes in HTML: a page does not fail for being large."""
    running = start(database="memory:").ready()
    push(running, SCOPE, *(create(f"{number:032x}", '"' * 500) for number in range(100)))
    push(running, SCOPE, create("f" * 32))
    items, links, text = shown(running)
    assert len(items) == 100 and "next" in links
    assert len(text) < 4 << 20
    running.stop()


# --- the interface --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit, pages", [(None, 12), (1000, 2), (575, 2)])
def test_the_interface_gives_pages_that_link_to_each_other(server, listed, limit, pages):
    target = "/api/todos" + (f"?limit={limit}" if limit else "")
    seen, count = [], 0
    while target:
        answer = fetch(server, "GET", target)
        assert answer.status == 200
        found = [one["id"] for one in answer.json]
        assert len(found) <= (limit or 100)
        seen, target, count = seen + found, next_link(answer), count + 1
    assert seen == listed and count == pages


def test_the_interface_keeps_its_filter_from_page_to_page(server, listed):
    answer = fetch(server, "GET", "/api/todos?filter=done")
    assert answer.json == []
    answer = fetch(server, "GET", next_link(answer))
    assert answer.json == [] and answer.get("link") is None
    answer = fetch(server, "GET", "/api/todos?filter=active&limit=2")
    assert [one["id"] for one in answer.json] == listed[:2]
    assert "filter=active" in next_link(answer)


@pytest.mark.parametrize("query", [
    "limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "filter=some", "after=",
    "after=" + "x" * 129, "after=%00"])
def test_what_is_no_page_is_refused(server, query):
    answer = fetch(server, "GET", "/api/todos?" + query)
    assert answer.status == 400 and answer.code == "invalid_request", answer


def test_ids_made_by_the_server_sort_by_time(start):
    running = start(database="memory:").ready()
    made = []
    for number in range(3):
        answer = fetch(running, "POST", "/api/todos", [("Content-Type", "application/json")],
                       b'{"title":"%d"}' % number)
        made.append(answer.json["id"])
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
    times = [int(one[:12], 16) for one in made]
    assert times == sorted(times)
    running.stop()


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("GET", "/static/nothing.css", 404), ("GET", "/todos", 405),
    ("GET", "/?after=%00", 400), ("BREW", "/", 501)])
def test_a_browser_is_shown_a_page_for_an_error_and_a_program_is_not(server, method, path, status):
    page = fetch(server, method, path, BROWSER)
    assert page.status == status
    assert page.get("content-type") == "text/html; charset=utf-8"
    text = page.body.decode()
    assert "/static/css/app.css" in text and "Back to the list" in text
    # Without the app: a service worker must not take it for the page, and no script needs a list.
    assert "mizu-shell" not in text and "<script" not in text
    assert page.get("cache-control") == "no-store" and varies_by_accept(page)
    for headers in ((), [("Accept", "*/*")], [("Accept", "application/json")]):
        other = fetch(server, method, path, headers)
        assert other.status == status and b"<" not in other.body
        assert other.get("cache-control") == "no-store" and varies_by_accept(other)
        if headers == [("Accept", "application/json")]:
            assert other.get("content-type") == "application/json" and other.json["code"], other


def test_a_body_that_is_too_large_is_told_in_words(server):
    page = fetch(server, "POST", "/todos", BROWSER + [("Content-Length", "99999999")])
    assert page.status == 413 and b"Back to the list" in page.body
