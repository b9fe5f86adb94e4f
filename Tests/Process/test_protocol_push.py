"""protocol.md, "POST /_sync/push": outcomes, atomicity, idempotency, order."""

import gzip
import re
import threading

import pytest

from sync import create, mutation, new_id, new_scope, pull, pull_all, push, push_one
from wire import JSON, Connection, dump, post

pytestmark = pytest.mark.stores()
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def test_an_applied_mutation_has_exactly_the_promised_shape(server):
    scope, record = new_scope(), new_id()
    first = create(record, "milk")
    result = push_one(server, scope, first)
    assert set(result) == {"id", "ok", "cursor", "epoch", "changes"}, result
    assert result["ok"] is True and result["cursor"] == 1
    assert isinstance(result["epoch"], str) and result["epoch"]
    (change,) = result["changes"]
    assert set(change) == {"cursor", "scope", "entity", "id", "op", "data", "time", "mutation"}
    assert change["cursor"] == 1 and change["scope"] == scope and change["entity"] == "todo"
    assert change["id"] == record and change["op"] == "create"
    assert change["mutation"] == first["id"] and TIME.match(change["time"]), change
    data = change["data"]
    assert set(data) == {"id", "title", "done", "created"}, data
    assert data["id"] == record and data["title"] == "milk" and data["done"] is False


def test_update_toggle_and_delete_write_whole_records(server):
    scope, record = new_scope(), new_id()
    push_one(server, scope, create(record, "milk"))
    steps = [
        (mutation("todo.update", id=record, title="bread"), "update", ("bread", False)),
        (mutation("todo.update", id=record, done=True), "update", ("bread", True)),
        (mutation("todo.toggle", id=record), "update", ("bread", False)),
        (mutation("todo.toggle", id=record, done=True), "update", ("bread", True)),
        (mutation("todo.update", id=record, title="wine", done=False), "update", ("wine", False)),
        (mutation("todo.delete", id=record), "delete", None),
    ]
    for cursor, (one, op, expected) in enumerate(steps, start=2):
        result = push_one(server, scope, one)
        assert result["ok"] and result["cursor"] == cursor, result
        (change,) = result["changes"]
        assert change["op"] == op
        if expected is None:
            assert "data" not in change
        else:
            data = change["data"]
            assert (data["title"], data["done"]) == expected
            assert set(data) == {"id", "title", "done", "created"}


def test_a_mutation_that_changes_nothing_tells_the_scopes_cursor(server):
    scope, record = new_scope(), new_id()
    push(server, scope, create(record), create(), create())
    result = push_one(server, scope, mutation("todo.toggle", id=record, done=False))
    assert result["ok"], result
    changes, cursor, _ = pull_all(server, scope)
    assert result["cursor"] == cursor and len(changes) == 3 + len(result.get("changes", []))


@pytest.mark.parametrize("one,code", [
    (mutation("todo.nothing"), "unknown_mutation"),
    (mutation("nothing"), "unknown_mutation"),
    (mutation("TODO.CREATE", id="x", title="x"), "unknown_mutation"),
    (mutation("todo.update", id="missing", title="x"), "not_found"),
    (mutation("todo.toggle", id="missing"), "not_found"),
    (mutation("todo.create", id="x", title=""), "invalid_mutation"),
    (mutation("todo.create", id="x", title="  \t "), "invalid_mutation"),
    (mutation("todo.create", id="x", title="y" * 501), "invalid_mutation"),
    (mutation("todo.create", id="x", title=5), "invalid_mutation"),
    (mutation("todo.create", id="x", title=None), "invalid_mutation"),
    (mutation("todo.create", id="x"), "invalid_mutation"),
    (mutation("todo.create", title="x"), "invalid_mutation"),
    (mutation("todo.create", id="", title="x"), "invalid_mutation"),
    (mutation("todo.create", id="y" * 129, title="x"), "invalid_mutation"),
    (mutation("todo.create", id="a\x01", title="x"), "invalid_mutation"),
    (mutation("todo.create", id=7, title="x"), "invalid_mutation"),
    (mutation("todo.toggle", id="x", done="yes"), "invalid_mutation"),
    (mutation("todo.delete"), "invalid_mutation"),
], ids=lambda v: v if isinstance(v, str) else None)
def test_a_refused_mutation_has_a_code_and_writes_nothing(server, one, code):
    scope = new_scope()
    one = {**one, "id": new_id()}
    if code == "invalid_mutation" and "done" in one["args"]:
        push_one(server, scope, create("x"))
    before = pull_all(server, scope)[1]
    for _ in range(2):
        result = push_one(server, scope, one)
        assert result["ok"] is False and result["code"] == code, result
        assert isinstance(result["error"], str) and result["error"]
        assert "cursor" not in result and not result.get("retry"), result
    assert pull_all(server, scope)[1] == before


def test_creating_an_id_that_exists_is_a_conflict(server):
    scope, record = new_scope(), new_id()
    push_one(server, scope, create(record, "first"))
    result = push_one(server, scope, create(record, "second"))
    assert result["ok"] is False and result["code"] == "conflict", result
    assert [c["data"]["title"] for c in pull_all(server, scope)[0]] == ["first"]


@pytest.mark.parametrize("length", [1, 500])
def test_titles_count_characters_after_trimming(server, length):
    scope = new_scope()
    title = "  " + "é" * length + "\n"
    result = push_one(server, scope, create(None, title))
    assert result["ok"], result
    assert result["changes"][0]["data"]["title"] == "é" * length


@pytest.mark.parametrize("args", [
    b"[]", b'"x"', b"5", b"null", b'{"id":"x","title":"\\ud800"}', b'{"id":"x","title":"\\udc00a"}',
    b'{"id":"x","title":"t","deep":' + b"[" * 100 + b"]" * 100 + b"}",
    b'{"id":"x","title":"t","deep":' + b'{"a":' * 100 + b"1" + b"}" * 101,
], ids=["array", "string", "number", "null", "lone high surrogate", "lone low surrogate",
        "arrays too deep", "objects too deep"])
def test_what_is_wrong_inside_one_mutation_is_answered_in_its_place(server, args):
    scope = new_scope()
    bad = b'{"id":"bad","name":"todo.create","args":%s}' % args
    body = b'{"scope":%s,"mutations":[%s,%s,%s]}' % (
        dump(scope), dump(create()), bad, dump(create()))
    answer = post(server, "/_sync/push", body)
    assert answer.status == 200, answer
    first, refused, last = answer.json["results"]
    assert first["ok"] and last["ok"] and (first["cursor"], last["cursor"]) == (1, 2)
    assert refused["id"] == "bad" and refused["ok"] is False, refused
    assert refused["code"] == "invalid_mutation", refused


def test_refusals_stand_in_place_and_later_ones_go_on(server):
    scope, record = new_scope(), new_id()
    results = push(
        server, scope, create(record), mutation("nothing"), create(record),
        mutation("todo.update", id="missing", title="x"), mutation("todo.toggle", id=record))
    assert [r["ok"] for r in results] == [True, False, False, False, True]
    assert [r.get("code") for r in results] == [
        None, "unknown_mutation", "conflict", "not_found", None]
    assert (results[0]["cursor"], results[4]["cursor"]) == (1, 2)


def test_pushing_again_gives_the_stored_outcome_once(server):
    scope = new_scope()
    mutations = [create(), mutation("nothing"), create()]
    first = push(server, scope, *mutations, client="c1")
    for client in ("c1", "c2", None):
        again = push(server, scope, *mutations, client=client)
        for old, new in zip(first, again):
            assert new["ok"] == old["ok"]
            if old["ok"]:
                assert new["duplicate"] is True
                assert (new["cursor"], new["epoch"]) == (old["cursor"], old["epoch"])
                assert new.get("changes", old["changes"]) == old["changes"]
            else:
                assert new["code"] == old["code"]
    assert len(pull_all(server, scope)[0]) == 2


def test_a_first_answer_does_not_say_duplicate(server):
    assert "duplicate" not in push_one(server, new_scope(), create())


@pytest.mark.parametrize("other", [
    {"args": {"id": "r", "title": "other"}}, {"name": "todo.update"}, {"args": {}},
], ids=["args", "name", "no args"])
def test_a_known_id_with_another_name_or_args_is_id_reused(server, other):
    scope = new_scope()
    one = create("r", "first", "m1")
    push_one(server, scope, one)
    result = push_one(server, scope, {**one, **other})
    assert result["ok"] is False and result["code"] == "id_reused", result
    assert set(result) <= {"id", "ok", "code", "error"}, "told nothing more"
    again = push_one(server, scope, one)
    assert again["ok"] and again["duplicate"], "the first outcome stays"
    assert len(pull_all(server, scope)[0]) == 1


def test_a_refused_id_with_other_args_is_id_reused(server):
    scope = new_scope()
    push_one(server, scope, create("r", "", "m1"))
    result = push_one(server, scope, create("r", "good", "m1"))
    assert result["ok"] is False and result["code"] == "id_reused", result


def test_a_mutation_twice_in_one_push_is_applied_once(server):
    scope = new_scope()
    one = create()
    first, second = push(server, scope, one, one)
    assert first["ok"] and not first.get("duplicate")
    assert second["ok"] and second["duplicate"] and second["cursor"] == first["cursor"] == 1
    other = {**one, "args": {"id": "z", "title": "z"}}
    assert push_one(server, scope, other)["code"] == "id_reused"
    assert len(pull_all(server, scope)[0]) == 1


def test_an_id_is_known_in_its_own_scope_only(server):
    one = create()
    for _ in range(2):
        result = push_one(server, new_scope(), one)
        assert result["ok"] and not result.get("duplicate") and result["cursor"] == 1


def test_data_is_the_same_bytes_wherever_it_is_told(server):
    scope = new_scope()
    body = dump({"scope": scope, "mutations": [create(None, 'é "q" \\ / 🦊 <b>\u2028')]})
    pushed = post(server, "/_sync/push", body).body
    pulled = pull(server, scope).body
    shot = post(server, "/_sync/snapshot", {"scope": scope}).body
    data = [re.search(rb'"data":\s*(\{.*?\})[,}]', text)[1] for text in (pushed, pulled, shot)]
    assert data[0] == data[1] == data[2]


def test_apply_order_is_log_order(server):
    scope = new_scope()
    mutations = [create() for _ in range(30)]
    results = push(server, scope, *mutations)
    assert [r["cursor"] for r in results] == list(range(1, 31))
    changes, _, _ = pull_all(server, scope)
    assert [c["mutation"] for c in changes] == [m["id"] for m in mutations]


def test_pipelined_pushes_are_answered_in_order(server):
    scope = new_scope()
    mutations = [create() for _ in range(20)]
    with Connection(server) as connection:
        for one in mutations:
            body = dump({"scope": scope, "mutations": [one]})
            connection.send(
                b"POST /_sync/push HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (server.authority.encode(), len(body), body))
        answers = [connection.response("POST").json["results"][0] for _ in mutations]
    assert [a["id"] for a in answers] == [m["id"] for m in mutations]
    assert [a["cursor"] for a in answers] == list(range(1, 21))


def test_concurrent_clients_get_each_cursor_once(server):
    scope, cursors, failures = new_scope(), [], []

    def work():
        try:
            with Connection(server) as connection:
                client = new_id()
                for _ in range(20):
                    results = push(connection, scope, create(), create(), client=client)
                    cursors.extend(r["cursor"] for r in results)
        except BaseException as error:  # told below, in the main thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert sorted(cursors) == list(range(1, 241))
    assert pull_all(server, scope)[1] == 240


def test_the_same_mutation_from_many_connections_at_once_is_applied_once(server):
    scope, one, results, failures = new_scope(), create(), [], []
    barrier = threading.Barrier(8)

    def work():
        try:
            with Connection(server) as connection:
                barrier.wait(60)
                results.append(push_one(connection, scope, one))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures and len(results) == 8
    assert all(r["ok"] and r["cursor"] == 1 for r in results), results
    assert sum(not r.get("duplicate") for r in results) == 1
    assert pull_all(server, scope)[1] == 1


def test_a_push_of_nothing_is_answered_with_nothing(server):
    assert push(server, new_scope()) == []


def test_an_encoded_body_is_not_guessed_at(server):
    body = gzip.compress(dump({"scope": new_scope(), "mutations": [create()]}))
    answer = post(server, "/_sync/push", body, [*JSON, ("Content-Encoding", "gzip")])
    assert answer.status in (400, 415), answer
