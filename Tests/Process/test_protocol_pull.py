"""protocol.md, "POST /_sync/pull" and "POST /_sync/snapshot": positions, pages, 410, one truth."""

import shutil

import pytest

from server import wait_until
from sync import (apply, checksum, create, mutation, new_id, new_scope, pull, pull_all, push, push_one,
                  snapshot, snapshot_all, state_of)
from test_protocol_envelope import assert_refusal
from wire import Connection, post

pytestmark = pytest.mark.stores()


def fill(target, scope, count, title="x"):
    """`count` records by pushes of 100; returns the last result."""
    result = None
    for begin in range(0, count, 100):
        batch = [create(None, title) for _ in range(min(100, count - begin))]
        result = push(target, scope, *batch)[-1]
        assert result["ok"], result
    return result


def test_a_pull_has_exactly_the_promised_shape(server):
    scope = new_scope()
    result = push_one(server, scope, create())
    page = pull(server, scope).json
    assert set(page) == {"changes", "has_more", "next_cursor", "epoch", "checksum"}, page
    assert page["changes"] == result["changes"], "a change is told alike everywhere"
    assert (page["next_cursor"], page["epoch"]) == (1, result["epoch"])
    assert page["has_more"] is False


def test_the_limit_is_100_unless_told_and_at_most_1000(server):
    scope = new_scope()
    fill(server, scope, 1050)
    for limit, expected in ((None, 100), (1, 1), (7, 7), (1000, 1000), (1001, 1000),
                            (9007199254740991, 1000)):
        page = pull(server, scope, limit=limit).json
        assert len(page["changes"]) == expected and page["has_more"] is True
        assert page["next_cursor"] == expected
    changes, cursor, epoch = pull_all(server, scope)
    assert cursor == len(changes) == 1050
    page = pull(server, scope, 1049, epoch).json
    assert len(page["changes"]) == 1 and page["has_more"] is False


def test_where_nothing_is_new_the_position_stays(server):
    scope = new_scope()
    result = fill(server, scope, 3)
    page = pull(server, scope, 3, result["epoch"]).json
    told = page.pop("checksum")
    assert page == {"changes": [], "has_more": False, "next_cursor": 3, "epoch": result["epoch"]}
    assert told == checksum(snapshot(server, scope).json["records"])


def test_a_page_ends_early_at_1_mib(server):
    scope = new_scope()
    fill(server, scope, 600, "🦊" * 500)
    page = pull(server, scope, limit=1000)
    assert 700_000 < len(page.body) <= (1 << 20) + 4096
    assert page.json["has_more"] is True
    assert len(pull_all(server, scope)[0]) == 600
    first = snapshot(server, scope, 1000)
    assert len(first.body) <= (1 << 20) + 4096 and first.json["has_more"] is True
    assert len(snapshot_all(server, scope)[0]) == 600


def test_a_cursor_above_zero_needs_its_epoch(server):
    scope = new_scope()
    fill(server, scope, 3)
    assert_refusal(pull(server, scope, 2), 400, "invalid_request")
    assert pull(server, scope, 0).status == 200
    assert pull(server, scope, 0, "any").status == 200, "cursor 0 is not checked"


@pytest.mark.parametrize("epoch", [5, {}, "", None])
def test_an_epoch_that_is_no_string_is_refused(server, epoch):
    scope = new_scope()
    fill(server, scope, 3)
    answer = post(server, "/_sync/pull", {"scope": scope, "cursor": 2, "epoch": epoch})
    assert answer.status in (400, 410), answer


def test_another_epoch_or_a_cursor_ahead_is_epoch_changed(server):
    scope = new_scope()
    epoch = fill(server, scope, 3)["epoch"]
    assert_refusal(pull(server, scope, 2, "another"), 410, "epoch_changed")
    assert_refusal(pull(server, scope, 3, epoch + "x"), 410, "epoch_changed")
    assert_refusal(pull(server, scope, 4, epoch), 410, "epoch_changed")
    assert_refusal(pull(server, scope, 9007199254740991, epoch), 410, "epoch_changed")
    assert_refusal(pull(server, new_scope(), 1, epoch), 410, "epoch_changed")


def test_a_request_sees_what_an_answer_before_it_has_shown(server):
    scope = new_scope()
    connections = [Connection(server) for _ in range(8)]
    for turn in range(60):
        result = push_one(connections[turn % 8], scope, create())
        other = connections[(turn * 3 + 1) % 8]
        page = pull(other, scope, result["cursor"], result["epoch"])
        assert page.status == 200 and page.json["changes"] == [], page
        if turn % 5 == 0:
            assert snapshot(other, scope, 1).json["cursor"] == result["cursor"]
    for connection in connections:
        connection.close()


def test_a_small_snapshot_is_the_state_at_its_cursor(server):
    scope, kept, gone = new_scope(), new_id(), new_id()
    push(server, scope, create(kept, "a"), create(gone), mutation("todo.delete", id=gone),
         mutation("todo.update", id=kept, title="b"))
    page = snapshot(server, scope).json
    assert set(page) - {"next"} == {
        "records", "cursor", "epoch", "count", "has_more", "checksum"}, page
    assert page["checksum"] == checksum(page["records"]) != "0" * 16
    assert page["cursor"] == 4 and page["count"] == 1 and page["has_more"] is False
    (record,) = page["records"]
    assert set(record) == {"entity", "id", "version", "data"} and record["version"] == 4
    assert (record["entity"], record["id"], record["data"]["title"]) == ("todo", kept, "b")
    changes, cursor, epoch = pull_all(server, scope)
    assert state_of(page["records"]) == apply({}, changes)
    assert (cursor, epoch) == (page["cursor"], page["epoch"])
    assert pull(server, scope, page["cursor"], page["epoch"]).json["changes"] == []


@pytest.mark.parametrize("limit", [1, 3, 10, 11])
def test_pages_of_a_quiet_scope_hold_each_record_once(server, limit):
    scope = new_scope()
    fill(server, scope, 10)
    records, cursor, _ = snapshot_all(server, scope, limit)
    assert len(records) == len(state_of(records)) == 10 and cursor == 10


def test_pages_while_others_write_come_to_the_same_state(server):
    """What a client does: keep the first position, gather, pull from there, then swap."""
    scope = new_scope()
    ids = [f"{index:03}" for index in range(40)]
    push(server, scope, *[create(record, "old") for record in ids])
    page = snapshot(server, scope, 7).json
    cursor, epoch, records, turn = page["cursor"], page["epoch"], list(page["records"]), 0
    assert page["count"] == 40 and page["has_more"]
    while page["has_more"]:
        push(server, scope, mutation("todo.delete", id=ids[turn]),
             mutation("todo.delete", id=ids[39 - turn]), create(f"{turn:03}x", "new"),
             create(f"~{turn}", "new"), mutation("todo.update", id=ids[20 - turn], title="newer"))
        turn += 1
        answer = snapshot(server, scope, 7, page["next"])
        assert answer.status == 200, answer
        page = answer.json
        assert page["cursor"] >= cursor + 5 * turn, "each page is exact at its own cursor"
        records += page["records"]
        assert turn < 30
    changes, _, _ = pull_all(server, scope, cursor, epoch)
    state = apply(state_of(records), changes)
    assert state == apply({}, pull_all(server, scope)[0])
    assert state == state_of(snapshot_all(server, scope)[0])


@pytest.mark.parametrize("following", ["garbage", "", 5, {}, "x" * 5000], ids=str)
def test_a_next_that_the_server_never_gave_is_invalid_request(server, following):
    answer = post(server, "/_sync/snapshot", {"scope": new_scope(), "next": following})
    assert_refusal(answer, 400, "invalid_request")


@pytest.mark.stores("sqlite", "postgres")
def test_a_restart_disturbs_nobody(start):
    first = start().ready()
    scope = new_scope()
    result = fill(first, scope, 5)
    one = create()
    sixth = push_one(first, scope, one)
    first.stop()
    second = start().ready()
    assert pull(second, scope, 5, result["epoch"]).json["changes"][0]["mutation"] == one["id"]
    page = pull(second, scope, 6, sixth["epoch"])
    assert page.status == 200 and page.json["changes"] == []
    again = push_one(second, scope, one)
    assert again["duplicate"] and (again["cursor"], again["epoch"]) == (6, sixth["epoch"])
    seventh = push_one(second, scope, create())
    assert seventh["cursor"] == 7
    for cursor, epoch in ((5, result["epoch"]), (6, sixth["epoch"]), (7, seventh["epoch"])):
        assert pull(second, scope, cursor, epoch).status == 200
    changes, cursor, epoch = pull_all(second, scope, limit=2)
    assert (len(changes), cursor, epoch) == (7, 7, seventh["epoch"])


@pytest.mark.stores("sqlite")
def test_a_backup_put_back_turns_away_exactly_those_who_saw_what_is_lost(start, tmp_path):
    scope = new_scope()
    data, backup = tmp_path / "data", tmp_path / "backup"
    options = {"database": f"sqlite:{data}/mizu.db"}
    running = start(**options).ready()
    early = fill(running, scope, 5)
    running.stop()
    shutil.copytree(data, backup)
    running = start(**options).ready()
    lost = fill(running, scope, 2)
    running.stop()
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    running = start(**options).ready()
    assert_refusal(pull(running, scope, 7, lost["epoch"]), 410, "epoch_changed")
    fresh = fill(running, scope, 3)
    assert fresh["cursor"] == 8 and fresh["epoch"] != lost["epoch"]
    for cursor in (6, 7):
        assert_refusal(pull(running, scope, cursor, lost["epoch"]), 410, "epoch_changed")
    page = pull(running, scope, 5, early["epoch"])
    assert page.status == 200 and len(page.json["changes"]) == 3


def test_a_trimmed_log_is_cursor_too_old_and_a_snapshot_goes_on(start):
    running = start(env={"RETAIN_CHANGES": "50"}).ready()
    scope = new_scope()
    first = push_one(running, scope, create())
    mutations = []

    def is_trimmed():
        batch = [create() for _ in range(100)]
        mutations.extend(batch)
        push(running, scope, *batch)
        return pull(running, scope, 1, first["epoch"], 1).status == 410

    wait_until(is_trimmed, 60, "a trim (RETAIN_CHANGES=50)")
    assert_refusal(pull(running, scope, 1, first["epoch"]), 410, "cursor_too_old")
    assert_refusal(pull(running, scope, 0), 410, "cursor_too_old")
    records, cursor, epoch = snapshot_all(running, scope)
    assert len(records) == cursor == len(mutations) + 1
    assert pull(running, scope, cursor, epoch).json["changes"] == []
    assert pull(running, scope, cursor - 40, epoch).status == 200
    again = push_one(running, scope, mutations[-1])
    assert again["ok"] and again["duplicate"] and again["cursor"] == cursor
    assert_refusal(pull(running, scope, cursor + 1, epoch), 410, "epoch_changed")


@pytest.mark.stores("sqlite")
def test_two_stores_never_share_an_epoch(start, tmp_path):
    epochs = set()
    for name in ("a", "b"):
        running = start(database=f"sqlite:{tmp_path}/{name}.db").ready()
        epochs.add(push_one(running, "s", create())["epoch"])
        running.stop()
    memory = start(database="memory:").ready()
    epochs.add(push_one(memory, "s", create())["epoch"])
    assert len(epochs) == 3
