"""The todo app without its JavaScript: `/api/todos`, plain forms, and the page they come from."""

import html.parser
import urllib.parse

import pytest

from server import wait_until
from sync import new_id, pull, snapshot
from wire import JSON, Connection, dump, fetch, post

pytestmark = pytest.mark.stores("sqlite", soak=("memory", "postgres"))
FORM = [("Content-Type", "application/x-www-form-urlencoded")]


@pytest.fixture(autouse=True)
def clean(server):
    for todo in todos(server):
        fetch(server, "DELETE", item_path(todo["id"]))


def item_path(record):
    return "/api/todos/" + urllib.parse.quote(record, safe="")


def todos(server):
    answer = fetch(server, "GET", "/api/todos")
    assert answer.status == 200 and answer.get("content-type", "").startswith("application/json")
    value = answer.json
    return value if isinstance(value, list) else value["todos"]


def put(server, record, value):
    body = value if isinstance(value, bytes) else dump(value)
    return fetch(server, "PUT", item_path(record), JSON, body)


def submit(server, path, fields):
    return fetch(server, "POST", path, FORM, urllib.parse.urlencode(fields).encode())


class Forms(html.parser.HTMLParser):
    """The forms of a page: action, method, and the (name, value) pairs of their fields."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.open = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.open = {"action": values.get("action", "/"), "method": values.get("method", "get"),
                         "class": values.get("class", ""), "fields": {}, "buttons": []}
            self.forms.append(self.open)
        elif tag == "button" and self.open is not None:
            self.open["buttons"].append(values.get("name"))
        elif tag == "input" and self.open is not None and values.get("name"):
            self.open["fields"][values["name"]] = values.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.open = None


def page(server):
    answer = fetch(server, "GET", "/")
    assert answer.status == 200, answer
    return answer.body.decode()


def test_create_read_update_delete(server):
    made = post(server, "/api/todos", {"title": "  milk "})
    assert made.status == 201, made
    todo = made.json
    assert set(todo) == {"id", "title", "done", "created"}
    assert todo["title"] == "milk" and todo["done"] is False
    assert made.get("location") == item_path(todo["id"]), made
    assert todos(server) == [todo]
    changed = put(server, todo["id"], {"title": "bread", "done": True})
    assert changed.status == 200 and changed.json == {**todo, "title": "bread", "done": True}
    assert put(server, todo["id"], {"done": False}).json["done"] is False
    gone = fetch(server, "DELETE", item_path(todo["id"]))
    assert gone.status == 204 and gone.body == b""
    assert todos(server) == []


def test_an_id_of_ones_own_with_any_letters_is_reachable(server):
    for record in ("é/🦊 ?#%", "a b", "x" * 128, new_id()):
        made = post(server, "/api/todos", {"id": record, "title": "x"})
        assert made.status == 201 and made.json["id"] == record, made
        assert made.get("location").isascii()
        assert fetch(server, "PUT", made.get("location"), JSON, b'{"done":true}').status == 200
        assert fetch(server, "DELETE", made.get("location")).status == 204


@pytest.mark.parametrize("value,code", [
    ({"title": ""}, "invalid_mutation"), ({"title": " "}, "invalid_mutation"),
    ({"title": "x" * 501}, "invalid_mutation"), ({}, None),
    ({"title": 5}, None), (b"", "invalid_request"), (b"[]", None),
    (b'{"title":', "invalid_request"), (b'{"title":"\xff"}', "invalid_request"),
], ids=str)
def test_what_cannot_be_made_is_400_with_a_code(server, value, code):
    answer = post(server, "/api/todos", value)
    assert answer.status == 400, answer
    assert answer.code in ([code] if code else ["invalid_mutation", "invalid_request"]), answer
    assert answer.json["error"]
    assert todos(server) == []


def test_what_is_not_there_is_404(server):
    for answer in (put(server, "missing", {"title": "x"}),
                   fetch(server, "GET", "/api/todos/missing"),
                   fetch(server, "DELETE", "/api/todos/missing")):
        assert answer.status == 404 and answer.code == "not_found", answer
        assert answer.get("cache-control") == "no-store", "it may be there next time"


def test_a_bad_update_is_400_and_changes_nothing(server):
    todo = post(server, "/api/todos", {"title": "milk"}).json
    for value in ({"title": ""}, {"title": "x" * 501}, {"done": "yes"}, b"[", b"5"):
        assert put(server, todo["id"], value).status == 400, value
    assert todos(server) == [todo]


def test_a_body_of_another_type_is_415(server):
    assert post(server, "/api/todos", b"title=x", FORM).status == 415


def test_rest_goes_through_the_same_mutations(server):
    todo = post(server, "/api/todos", {"title": "milk"}).json
    records = snapshot(server, "_default", 1000).json
    assert todo in [record["data"] for record in records["records"]]
    before = records["cursor"], records["epoch"]
    put(server, todo["id"], {"done": True})
    fetch(server, "DELETE", item_path(todo["id"]))
    changes = pull(server, "_default", *before).json["changes"]
    assert [change["op"] for change in changes] == ["update", "delete"]


def test_a_form_adds_a_todo_and_redirects(server):
    answer = submit(server, "/todos", {"title": "wine & cheese <b>"})
    assert answer.status == 303, answer
    assert urllib.parse.urlsplit(answer.get("location")).path == "/"
    assert [todo["title"] for todo in todos(server)] == ["wine & cheese <b>"]
    text = page(server)
    assert "wine &amp; cheese &lt;b&gt;" in text and "cheese <b>" not in text


def test_a_double_submit_is_harmless(server):
    form = next(f for f in Forms(page(server)).forms if "todo-form" in f["class"])
    assert form["action"] == "/todos" and form["method"].lower() == "post"
    assert "title" in form["fields"] and len(form["fields"]) > 1, "a hidden mutation id"
    fields = {**form["fields"], "title": "once"}
    for _ in range(3):
        assert submit(server, "/todos", fields).status == 303
    assert [todo["title"] for todo in todos(server)] == ["once"]
    again = next(f for f in Forms(page(server)).forms if "todo-form" in f["class"])
    assert again["fields"] != form["fields"], "a new page has a new id"


def test_the_forms_of_an_item_tick_and_delete_it(server):
    todo = post(server, "/api/todos", {"title": "milk"}).json
    form, = [f for f in Forms(page(server)).forms
             if any(todo["id"] in value for value in f["fields"].values())]
    assert form["method"].lower() == "post" and len(form["buttons"]) == 3, form
    outcomes = []
    for button in form["buttons"]:
        fields = {**form["fields"], "title": "edited", "done": "on"}
        if button:
            fields[button] = ""
        for _ in range(2):  # twice is harmless
            answer = submit(server, form["action"], fields)
            assert answer.status == 303 and answer.get("location") == "/", (form, answer)
        outcomes += [(left["title"], left["done"]) for left in todos(server)]
    assert outcomes == [("edited", False), ("edited", True)]


def test_an_item_is_short(server):
    """A page has a hundred of them. What grows is the title, which stands in it seven times."""
    post(server, "/api/todos", {"title": "0123456789"})
    text = page(server)
    item = text[text.index("<li class"):text.index("</li>") + 6]
    assert len(item) <= 600, (len(item), item)


@pytest.mark.parametrize("body", [b"", b"title=", b"title=%20", b"title=%ff%fe", b"title=%zz",
                                  b"other=x", b"title=" + b"x" * 501, b"&&&===", b"title"])
def test_a_form_that_makes_no_sense_is_refused_politely(server, body):
    answer = fetch(server, "POST", "/todos", FORM, body)
    assert answer.status in (303, 400, 422), answer
    assert len(todos(server)) <= 1


def test_the_page_has_the_promised_hooks(server):
    todo = post(server, "/api/todos", {"title": "milk"}).json
    text = page(server)
    for mark in ('class="todo-item', f'data-id="{todo["id"]}"', 'data-pending="false"',
                 'type="checkbox"', "todo-title", "sync-status", "data-state=", "<title>", "lang="):
        assert mark in text, mark


def test_a_page_that_fails_is_no_half_page(server):
    answer = fetch(server, "GET", "/no/such/page", [("Accept", "text/html")])
    assert answer.status == 404 and answer.body


def test_an_edit_through_the_api_is_seen_by_the_next_request_on_any_worker(server):
    connections = [Connection(server) for _ in range(8)]
    for turn in range(24):
        made = post(connections[turn % 8], "/api/todos", {"title": str(turn)}).json
        seen = connections[(turn + 3) % 8].request("GET", "/api/todos")
        value = seen.json if isinstance(seen.json, list) else seen.json["todos"]
        assert made in value
    for connection in connections:
        connection.close()
    wait_until(lambda: len(todos(server)) == 24, 60, "24 todos")
