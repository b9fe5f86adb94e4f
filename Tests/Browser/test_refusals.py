"""protocol.md's table of statuses and results, from the client's side."""

import json

import pytest
from playwright.sync_api import expect

from faults import Faults

PUSH, PULL, SNAPSHOT = "/_sync/push", "/_sync/pull", "/_sync/snapshot"


@pytest.fixture
def faulty(open_page, watch):
    """A synced page whose requests can be made to fail. Live is off: only answers count here."""
    watch.network_may_fail = True
    todo = open_page()
    todo.expect_state("online")
    todo.page.evaluate("mizu.live.close()")
    todo.page.evaluate("mizu.client.sync()")
    return todo, Faults().over(todo.page)


def test_a_refused_edit_is_shown_with_its_reason_and_discarded(server, open_page):
    todo = open_page()
    todo.add("Good before")
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    todo.add("Good after")
    expect(todo.refusals).to_have_count(1)
    todo.expect_titles("Good before", "Good after")
    todo.expect_synced()
    expect(todo.status).to_contain_text("1 refused")
    expect(todo.refusals).to_contain_text("The title has 501 characters, 1 too many")
    expect(todo.refusals).not_to_contain_text("invalid_mutation")
    expect(todo.status).to_contain_text("Not all saved")
    todo.page.reload()
    expect(todo.refusals).to_have_count(1)
    todo.refusals.get_by_role("button", name="Discard").click()
    expect(todo.refusals).to_have_count(0)
    assert server.titles() == ["Good after", "Good before"]


def test_a_retry_is_a_new_mutation_with_a_new_id(server, faulty):
    todo, faults = faulty
    faults.compute(PUSH, lambda body: {"results": [
        {"id": body["mutations"][0]["id"], "ok": False, "code": "teapot", "error": "not today"}]})
    todo.add("Second try")
    expect(todo.refusals).to_contain_text("not today")
    todo.expect_titles()
    todo.refusals.get_by_role("button", name="Try again").click()
    todo.expect_titles("Second try")
    todo.expect_synced()
    first, second = [body["mutations"][0] for body in faults.bodies(PUSH)]
    assert first["id"] != second["id"] and first["args"] == second["args"]
    assert server.titles() == ["Second try"]


def test_a_lost_answer_applies_nothing_twice(server, faulty):
    todo, faults = faulty
    faults.lose_answer(PUSH)
    todo.add("Exactly once")
    todo.expect_synced()
    ids = [body["mutations"][0]["id"] for body in faults.bodies(PUSH)]
    assert len(ids) == 2 and ids[0] == ids[1]
    assert server.titles() == ["Exactly once"]


@pytest.mark.parametrize(("status", "body"), [
    (200, "<html>Please sign in to the Wi-Fi</html>"), (200, {"hello": "I am a portal"}),
    (404, "<html>not here</html>"), (502, "<html>bad gateway</html>"), (200, {"results": "none"}),
], ids=["portal", "json-portal", "404", "502", "misshapen"])
def test_what_is_not_the_protocol_is_no_answer(server, faulty, status, body):
    todo, faults = faulty
    faults.answer(PUSH, status, body)
    todo.record_states()
    todo.add("Kept")
    todo.expect_recorded("offline")
    todo.expect_synced()
    assert server.titles() == ["Kept"]


@pytest.mark.parametrize(("status", "code"), [
    (400, "invalid_request"), (415, "unsupported_media_type"), (500, "internal_error"),
    (403, "origin_denied"), (401, "unauthenticated"), (503, "unavailable"), (429, "rate_limited"),
])
def test_other_refusals_keep_the_queue(server, faulty, watch, status, code):
    todo, faults = faulty
    faults.refuse(PUSH, status, code)
    todo.record_states()
    todo.add("Kept")
    todo.expect_recorded("error")
    todo.expect_synced()
    assert server.titles() == ["Kept"]
    # A bug is reported to the console; the others are weather.
    is_bug = status in (400, 403, 415)
    assert [code in text for text in watch.complaints] == ([True] if is_bug else [])
    watch.complaints.clear()


def test_retry_after_is_obeyed(faulty):
    todo, faults = faulty
    faults.refuse(PUSH, 503, "unavailable", **{"Retry-After": "2"})
    todo.page.evaluate("() => { window.began = performance.now(); }")
    todo.add("Patience")
    todo.expect_synced()
    took = todo.page.evaluate("performance.now() - began")
    assert took >= 2000


def test_too_large_halves_the_batch_and_one_alone_is_refused(server, faulty):
    todo, faults = faulty
    faults.refuse(PUSH, 413, "too_large", times=3)
    todo.page.evaluate(
        """() => { for (let n = 0; n < 4; n++)
            mizu.client.mutate("todo.create", { id: `t${n}`, title: `Title ${n}` }); }""")
    expect(todo.refusals).to_have_count(1)
    expect(todo.refusals).to_contain_text("too large to be sent")
    todo.expect_synced()
    sizes = [len(body["mutations"]) for body in faults.bodies(PUSH)]
    assert sizes[:4] == [4, 2, 1, 1] and sum(sizes[3:]) == 3
    assert server.titles() == ["Title 1", "Title 2", "Title 3"]


def test_batches_are_cut_by_count_and_by_bytes(server, faulty):
    todo, faults = faulty
    todo.page.evaluate(
        """() => {
            for (let n = 0; n < 4; n++) {
                const title = `Big ${n}`, ballast = "x".repeat(300_000);
                mizu.client.mutate("todo.create", { id: `big-${n}`, title, ballast });
            }
            for (let n = 0; n < 120; n++)
                mizu.client.mutate("todo.create", { id: `small-${n}`, title: `Small ${n}` });
        }""")
    todo.expect_synced(timeout=60_000)
    bodies = faults.bodies(PUSH)
    assert [len(body["mutations"]) for body in bodies] == [3, 100, 21]
    assert all(len(json.dumps(body).encode()) < 1024 * 1024 for body in bodies)
    assert len(server.todos()) == 124


def test_an_undecided_result_keeps_what_follows_in_order(server, faulty):
    todo, faults = faulty

    def first_applied_rest_undecided(body):
        head, *rest = body["mutations"]
        applied = server.push(head)[0]
        return {"results": [applied, *[
            {"id": one["id"], "ok": False, "retry": True, "code": "unavailable", "error": "busy"}
            for one in rest]]}

    faults.compute(PUSH, first_applied_rest_undecided)
    retry = faults.hold(PUSH)
    todo.page.evaluate(
        """() => { for (let n = 0; n < 3; n++)
            mizu.client.mutate("todo.create", { id: `t${n}`, title: `Title ${n}` }); }""")
    expect(todo.pending).to_have_count(2)
    retry.release()
    todo.expect_titles("Title 0", "Title 1", "Title 2")
    todo.expect_synced()
    assert server.titles() == ["Title 0", "Title 1", "Title 2"]


def test_the_fifth_internal_error_of_the_head_lets_the_rest_go_on(server, faulty):
    todo, faults = faulty
    faults.compute(PUSH, lambda body: {"results": [
        {"id": one["id"], "ok": False, "retry": True, "code": "internal_error", "error": "boom"}
        for one in body["mutations"]]}, times=5)
    todo.page.evaluate(
        """() => { for (let n = 0; n < 3; n++)
            mizu.client.mutate("todo.create", { id: `t${n}`, title: `Title ${n}` }); }""")
    for _ in range(5):  # each is a try that need not wait for its back-off here
        todo.page.evaluate("mizu.client.push()")
    expect(todo.refusals).to_have_count(1)
    expect(todo.refusals).to_contain_text("Title 0")
    todo.expect_synced()
    assert server.titles() == ["Title 1", "Title 2"]


@pytest.mark.parametrize("code", ["cursor_too_old", "epoch_changed"])
def test_a_410_pushes_the_queue_and_then_takes_a_snapshot(server, faulty, code):
    todo, faults = faulty
    todo.add("Mine")
    todo.expect_synced()
    server.push({"id": "other", "name": "todo.create", "args": {"id": "o", "title": "Theirs"}})
    faults.sent.clear()
    # The push lane is told to wait, so what is pushed below is pushed by the reset.
    faults.refuse(PUSH, 503, "unavailable", **{"Retry-After": "60"})
    todo.add("Waiting")
    todo.expect_state("error")
    faults.refuse(PULL, 410, code)
    faults.sent.clear()
    todo.page.evaluate("() => { Math.random = () => 0.01; mizu.client.pull(); }")
    todo.expect_titles("Mine", "Theirs", "Waiting")
    todo.expect_synced()
    assert faults.paths()[:3] == [PULL, PUSH, SNAPSHOT]
    pushed = faults.bodies(PUSH)
    assert [one["args"]["title"] for one in pushed[0]["mutations"]] == ["Waiting"]
    assert len(pushed) == 1


def test_an_edit_that_a_restored_backup_has_lost_is_not_shown_for_ever(server, faulty):
    """It was acknowledged, so it is out of the queue; its change will never come."""
    todo, faults = faulty
    todo.add("In the backup")
    todo.expect_synced()
    faults.compute(PUSH, lambda body: {"results": [
        {"id": one["id"], "ok": True, "cursor": 50, "epoch": "lost"}
        for one in body["mutations"]]})
    todo.add("After the backup")
    todo.expect_titles("In the backup")
    todo.expect_synced()
    assert todo.page.evaluate("mizu.client.position.cursor") == 1
    todo.add("And on")
    todo.expect_titles("In the backup", "And on")


def aside(todo):
    return todo.page.evaluate("""mizu.client.setAsideQueues().then((all) => all.map((one) =>
        [one.reason.code, ...one.rows.map(({ args }) => args.title)]))""")


def test_a_denied_scope_deletes_its_state_and_puts_the_queue_aside(server, faulty):
    todo, faults = faulty
    todo.add("Secret")
    todo.expect_synced()
    faults.refuse(PUSH, 403, "scope_denied")
    faults.refuse(PULL, 403, "scope_denied")
    todo.add("Not allowed any more")
    todo.expect_state("error")
    expect(todo.items).to_have_count(0)
    expect(todo.status).to_contain_text("you may not see this list")
    assert todo.page.evaluate("mizu.client.status.waiting") == 0
    assert aside(todo) == [["scope_denied", "Not allowed any more"]]
    todo.add("Typed after the loss")
    todo.page.wait_for_function(
        "mizu.client.setAsideQueues().then(([one]) => one.rows.length === 2)")
    todo.page.evaluate("mizu.client.resume()")
    todo.expect_titles("Secret", "Not allowed any more", "Typed after the loss")
    todo.expect_synced()
    assert aside(todo) == []


def test_who_may_read_and_not_write_keeps_the_records_and_the_edits_go_aside(server, faulty):
    todo, faults = faulty
    todo.add("Read by all")
    todo.expect_synced()
    faults.refuse(PUSH, 403, "scope_denied")
    todo.add("Not written")
    todo.expect_titles("Read by all")
    todo.expect_synced()
    assert aside(todo) == [["scope_denied", "Not written"]]
    [[client]] = todo.page.evaluate(
        "mizu.client.setAsideQueues().then((all) => all.map((one) => [one.client]))")
    assert todo.page.evaluate("(name) => mizu.client.discardQueue(name)", client) is True
    assert aside(todo) == [] and server.titles() == ["Read by all"]


def test_another_user_begins_with_empty_storage(server, faulty):
    todo, faults = faulty
    todo.add("Of the first user")
    todo.expect_synced()
    faults.refuse(PUSH, 403, "wrong_user")
    todo.add("Typed by the first user")
    expect(todo.pending).to_have_count(0)
    aside = todo.page.evaluate("mizu.client.setAsideQueues()")
    assert [row["args"]["title"] for row in aside[0]["rows"]] == ["Typed by the first user"]
    todo.add("Of the second user")
    todo.expect_synced()
    clients = [body["client"] for body in faults.bodies(PUSH)]
    assert clients[-1] != clients[0] == aside[0]["client"]
    assert server.titles() == ["Of the first user", "Of the second user"]
    assert todo.page.evaluate("mizu.client.restoreQueue('nobody')") is False
    assert todo.page.evaluate("client => mizu.client.restoreQueue(client)", aside[0]["client"])
    todo.expect_titles("Of the first user", "Of the second user", "Typed by the first user")
    todo.expect_synced()
    assert todo.page.evaluate("mizu.client.setAsideQueues()") == []
    last = faults.bodies(PUSH)[-1]
    assert last["client"] == clients[0]
    assert last["mutations"][0]["id"] == aside[0]["rows"][0]["id"]
