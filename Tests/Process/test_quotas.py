"""protocol.md, `quota_exceeded`, and the space on the disk: what strangers may fill, by every way in."""

import sqlite3

import pytest

from server import wait_until
from sync import create, mutation, new_scope, pull, pull_all, push_one, snapshot
from test_protocol_envelope import assert_refusal
from wire import JSON, WebSocket, fetch, post

# No address is exempt, and a proxy on this machine says whose it is.
STRANGERS = {"LIMIT_EXEMPT": "none", "TRUSTED_PROXIES": "127.0.0.1"}


def push_from(target, address, scope, one):
    headers = [*JSON, ("X-Forwarded-For", address)]
    answer = post(target, "/_sync/push", {"scope": scope, "mutations": [one]}, headers)
    assert answer.status == 200, answer
    return answer.json["results"][0]


def test_an_address_makes_so_many_scopes_by_whichever_way_and_no_more(start, tmp_path):
    path = tmp_path / "mizu.db"
    options = {"database": f"sqlite:{path}",
               "env": {**STRANGERS, "QUOTA_ADDRESS_SCOPES": "2"}}
    running = start(**options).ready()
    for scope in ("a1", "a2"):
        assert push_from(running, "192.0.2.1", scope, create())["ok"]
    refused = push_from(running, "192.0.2.1", "a3", create())
    assert (refused["ok"], refused["code"]) == (False, "quota_exceeded") and refused["error"]
    assert "retry" not in refused
    # In a scope that is there it may go on, and another address may make its own.
    assert push_from(running, "192.0.2.1", "a2", create())["ok"]
    assert push_from(running, "192.0.2.2", "b1", create())["ok"]
    # One household is one address of IPv6.
    for number, scope in enumerate(("c1", "c2", "c3"), 1):
        result = push_from(running, f"2001:db8:1:2:{number}::{number}", scope, create())
        assert result["ok"] == (number < 3), result
    assert push_from(running, "2001:db8:1:3::1", "d1", create())["ok"]
    # Sockets are counted as well.
    with WebSocket(running, headers=[("X-Forwarded-For", "192.0.2.1")]) as socket:
        for scope, ok in (("a3", False), ("a1", True)):
            ack = socket.ask({"type": "push", "ref": "p", "scope": scope,
                              "mutations": [create()]})
            assert ack["payload"]["results"][0]["ok"] == ok, ack
    # Forms of the todo app go to the default scope, which is nobody's.
    assert push_from(running, "192.0.2.1", "_default", create())["ok"]
    running.stop()
    # It is known after a restart, and no address is written down.
    running = start(**options).ready()
    assert push_from(running, "192.0.2.1", "a3", create())["code"] == "quota_exceeded"
    running.stop()
    database = sqlite3.connect(path)
    owners = [owner for (owner,) in database.execute(
        "SELECT owner FROM scopes WHERE owner != x''")]
    assert len(owners) == 6 and {len(owner) for owner in owners} == {9}
    assert not any(b"\xc0\x00\x02" in owner for owner in owners)
    database.close()


@pytest.mark.stores()
def test_a_scope_is_full_at_its_quota_and_deleting_makes_room(start):
    running = start(env={"QUOTA_SCOPE_RECORDS": "3"}).ready()
    scope = new_scope()
    for record in ("a", "b", "c"):
        assert push_one(running, scope, create(record))["ok"]
    more = create("d")
    for _ in range(2):
        assert push_one(running, scope, more)["code"] == "quota_exceeded"
    assert push_one(running, scope, mutation("todo.update", id="a", title="b"))["ok"]
    assert push_one(running, scope, mutation("todo.delete", id="a"))["ok"]
    assert push_one(running, scope, more)["ok"]
    assert snapshot(running, scope).json["count"] == 3


def test_below_the_floor_of_free_space_pushes_wait_and_reads_go_on(start):
    # More than any disk here has.
    running = start(env={"DISK_FREE_MIN": "1024G"}).ready()
    scope = new_scope()
    for _ in range(3):
        answer = post(running, "/_sync/push", {"scope": scope, "mutations": [create()]})
        assert_refusal(answer, 503, "unavailable")
        assert int(answer.get("retry-after")) >= 1
    assert fetch(running, "GET", "/healthz").status == 200
    ready = fetch(running, "GET", "/readyz")
    assert (ready.status, ready.json["reason"]) == (503, "disk_full"), ready
    assert pull(running, scope).json["changes"] == []
    running.stop()
    said = [line for line in running.error_lines if "DISK_FREE_MIN" in line]
    assert len(said) == 1, running.errors


def test_a_record_that_cannot_be_read_keeps_the_edit_in_the_queue_and_is_logged(start, tmp_path):
    path = tmp_path / "mizu.db"
    running = start(database=f"sqlite:{path}").ready()
    scope = new_scope()
    assert push_one(running, scope, create("t1"))["ok"]
    running.stop()
    database = sqlite3.connect(path)
    good, = database.execute("SELECT data FROM records WHERE id = ?", (b"t1",)).fetchone()
    database.execute("UPDATE records SET data = ? WHERE id = ?", (b'{"id":"t1"}', b"t1"))
    database.commit()
    database.close()
    running = start(database=f"sqlite:{path}").ready()
    edit = mutation("todo.toggle", id="t1", done=True)
    result = push_one(running, scope, edit)
    assert (result["ok"], result["retry"], result["code"]) == (False, True, "internal_error")
    running.stop()
    line, = [line for line in running.error_lines if "could not be decided" in line]
    for part in ("todo t1", scope, "title"):
        assert part in line, line
    database = sqlite3.connect(path)
    database.execute("UPDATE records SET data = ? WHERE id = ?", (good, b"t1"))
    database.commit()
    database.close()
    running = start(database=f"sqlite:{path}").ready()
    assert push_one(running, scope, edit)["ok"]


def test_a_backlog_of_changes_is_trimmed_as_soon_as_nobody_waits(start, tmp_path):
    path = tmp_path / "mizu.db"
    # Written with room for all, and opened again with room for few.
    running = start(database=f"sqlite:{path}").ready()
    scope = new_scope()
    for _ in range(60):
        post(running, "/_sync/push", {"scope": scope, "mutations": [create() for _ in range(100)]})
    assert len(pull_all(running, scope)[0]) == 6000
    running.stop()
    running = start(database=f"sqlite:{path}", env={"RETAIN_CHANGES": "50"}).ready()

    def kept():
        database = sqlite3.connect(path, timeout=60)
        count, = database.execute("SELECT coalesce(sum(last - first + 1), 0) FROM log").fetchone()
        database.close()
        return count

    wait_until(lambda: kept() == 50, 60, "6000 changes trimmed to 50")
