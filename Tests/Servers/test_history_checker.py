"""The history checker finds what it says it finds, and nothing in a history that is right."""

import random

import pytest

from history_checker import History, check


def change(cursor, mutation, record="r", op="update", data=None):
    return {"cursor": cursor, "scope": "s", "entity": "todo", "id": record, "op": op,
            "data": data or {"n": cursor}, "mutation": mutation}


def ok(one, cursor, changes=None, **more):
    return {"id": one, "ok": True, "cursor": cursor, "epoch": "e",
            "changes": changes if changes is not None else [change(cursor, one)], **more}


def page(changes, through, has_more=False):
    return {"changes": changes, "next_cursor": through, "epoch": "e", "has_more": has_more}


LOG = [change(1, "a"), change(2, "b"), change(3, "c")]


def kinds(history, log=None):
    return {fault.kind for fault in check(history, {"s": LOG if log is None else log})}


def good():
    history = History()
    history.push("s", "c1", ["a", "b", "c"])
    for cursor, one in enumerate("abc", 1):
        history.result("s", "c1", cursor, cursor + 0.5, ok(one, cursor))
    history.pull("s", "c2", 4, 5, 0, page(LOG, 3))
    history.snapshot("s", "c2", 5, 6, [
        {"entity": "todo", "id": "r", "version": 3, "data": {"n": 3}}], 3, "e")
    history.position("s", "c2", 5, 6, 3, "e")
    history.delta("s", "c2", 6, {"base": 1, "cursor": 3, "epoch": "e", "changes": LOG[1:]})
    history.end("s", "c2", 3)
    return history


def test_a_right_history_has_no_fault():
    assert check(good(), {"s": LOG}) == []


@pytest.mark.parametrize("kind,log", [
    ("lost", LOG[:2]), ("lost", []),
    ("doubled", [*LOG, change(4, "a")]),
    ("gap", [LOG[0], LOG[2]]),
    ("rewritten", [LOG[0], LOG[1], change(3, "c", data={"n": 99})]),
    ("disorder", [change(1, "a"), change(2, "c"), change(3, "b")]),
])
def test_a_log_that_is_not_what_was_told(kind, log):
    assert kind in kinds(good(), log)


def test_an_answer_that_shows_less_than_one_before_it():
    history = good()
    history.pull("s", "c3", 7, 8, 0, page(LOG[:2], 2))
    assert kinds(history) == {"unseen"}
    # Sent before the answer had come, it may be behind; and a page with more is not the end.
    history = good()
    history.pull("s", "c3", 3.2, 8, 0, page(LOG[:2], 2))
    history.pull("s", "c3", 7, 8, 0, page(LOG[:2], 2, has_more=True))
    assert kinds(history) == set()


@pytest.mark.parametrize("tell", [
    lambda history: history.position("s", "c3", 7, 8, 2, "e"),
    lambda history: history.snapshot("s", "c3", 7, 8, [
        {"entity": "todo", "id": "r", "data": {"n": 2}}], 2, "e"),
    lambda history: history.result("s", "c3", 7, 8, ok("b", 2)),
], ids=["ack", "snapshot", "push"])
def test_every_kind_of_answer_is_held_to_what_was_shown(tell):
    history = good()
    tell(history)
    assert kinds(history) == {"unseen"}


def test_what_came_unasked_may_come_late():
    history = good()
    history.position("s", "c3", None, 9, 1, "e")
    history.delta("s", "c3", 9, {"base": 0, "cursor": 1, "epoch": "e", "changes": LOG[:1]})
    history.result("s", "c1", 7, 8, ok("a", 1, duplicate=True))
    assert kinds(history) == set()


@pytest.mark.parametrize("changes,through", [
    ([LOG[0], LOG[2]], 3), ([LOG[0], LOG[0]], 2), (LOG, 2), ([], 1)], ids=str)
def test_a_page_or_a_delta_with_a_hole(changes, through):
    history = good()
    history.pull("s", "c3", 7, 8, 0, page(changes, through, has_more=True))
    assert "gap" in kinds(history)
    history = good()
    history.delta("s", "c3", 8, {"base": 0, "cursor": through, "epoch": "e", "changes": changes})
    assert "gap" in kinds(history)


def test_a_refusal_that_is_in_the_log_and_a_position_that_is_gone():
    history = good()
    history.result("s", "c4", 1, 2, {"id": "a", "ok": False, "code": "conflict"})
    assert kinds(history) == {"refused", "rewritten"}
    history = good()
    history.refusal("s", "c4", 2, "epoch_changed")
    assert kinds(history) == {"refused"}


def test_one_cursor_under_two_epochs():
    history = good()
    history.position("s", "c3", 7, 8, 3, "another")
    assert kinds(history) == {"rewritten"}


def test_a_snapshot_that_is_not_its_log():
    for records in ([], [{"entity": "todo", "id": "r", "data": {"n": 2}}], [
            {"entity": "todo", "id": "r", "data": {"n": 3}}] * 2):
        history = good()
        history.snapshot("s", "c3", 7, 8, records, 3, "e")
        assert kinds(history) == {"untrue"}


def test_a_client_that_stays_behind():
    history = good()
    history.end("s", "c9", 2)
    assert kinds(history) == {"left"}


def simulate(seed, pushes=200):
    """A right history of one store: requests that overlap, answers that are lost, retries, deltas."""
    rng, history, log, time, outcomes = random.Random(seed), History(), [], 0.0, {}
    for number in range(pushes):
        time += rng.random()
        sent, client = time, f"c{number % 5}"
        one = f"m{number}"
        history.push("s", client, [one])
        if rng.random() < 0.1:
            outcomes[one] = {"id": one, "ok": False, "code": "conflict"}
        else:
            log.append(change(len(log) + 1, one, f"r{rng.randrange(20)}"))
            outcomes[one] = ok(one, len(log), [log[-1]])
        time += rng.random()
        if rng.random() < 0.8:
            history.result("s", client, sent, time, outcomes[one])
        else:
            time += 1
            if outcomes[one]["ok"]:
                history.result("s", client, time, time + 0.1, {**outcomes[one], "duplicate": True})
        base = rng.randrange(len(log) + 1)
        head = len(log)
        history.pull("s", "reader", sent, time, base, page(log[base:head], head))
    return history, log


@pytest.mark.parametrize("seed", range(5))
def test_a_simulated_history_is_right_and_each_damage_to_it_is_found(seed):
    history, log = simulate(seed)
    assert check(history, {"s": log}) == []
    rng = random.Random(seed)
    at = rng.randrange(len(log) - 2)
    renumbered = [{**one, "cursor": index} for index, one in enumerate(log[:at] + log[at + 1:], 1)]
    doubled = [*log, {**log[at], "cursor": len(log) + 1}]
    assert check(history, {"s": renumbered}) and check(history, {"s": doubled})
    late, _ = simulate(seed)
    late.pull("s", "stale", 1e6, 1e6 + 1, 0, page(log[:at], at))
    assert {fault.kind for fault in check(late, {"s": log})} == {"unseen"}
