"""The position rules and the replay, with the page's own modules and made-up answers."""

import pytest

from faults import Faults

PULL, SNAPSHOT = "/_sync/pull", "/_sync/snapshot"


@pytest.fixture
def module(open_page):
    """Runs a script in the page with the client's modules at hand."""
    page = open_page().page

    def run(body: str):
        return page.evaluate(f"""async () => {{
            const {{ LocalStore }} = await import("mizu/local-store.js");
            const {{ MemoryStorage }} = await import("mizu/memory-storage.js");
            const {{ MutationQueue }} = await import("mizu/mutation-queue.js");
            const {{ setAside }} = await import("mizu/set-aside.js");
            const {{ Overlay }} = await import("mizu/replay.js");
            const storage = new MemoryStorage();
            const change = (cursor, id = "t" + cursor, mutation = "m" + cursor) =>
                ({{ cursor, entity: "todo", id, op: "create", data: {{ id }}, mutation }});
            const at = (cursor, epoch = "e") => ({{ cursor, epoch }});
            const stand = (cursor, epoch = "e") =>
                storage.write((tx) => tx.put("meta", "position", at(cursor, epoch)));
            const apply = (page) => storage.write((tx) => LocalStore.apply(tx, page));
            const position = () => storage.read((tx) => tx.get("meta", "position"));
            {body}
        }}""")

    return run


@pytest.mark.parametrize(("page", "outcome", "cursor"), [
    ("{changes: [change(11), change(12)], position: at(12)}", "moved", 12),
    ("{changes: [change(9), change(10), change(11)], position: at(11)}", "moved", 11),
    ("{changes: [change(9), change(10)], position: at(10)}", "same", 10),
    ("{changes: [change(12)], position: at(12)}", "gap", 10),
    ("{changes: [change(11), change(13)], position: at(13)}", "gap", 10),
    ("{changes: [change(11)], position: at(12)}", "gap", 10),
    ("{changes: [change(11)], position: at(11, 'other')}", "gap", 10),
    ("{changes: [change(11)], position: at(11, 'other'), asked: at(10)}", "moved", 11),
    ("{changes: [change(11)], position: at(11, 'other'), asked: at(9)}", "gap", 10),
    ("{changes: [], position: at(10), asked: at(10)}", "same", 10),
    ("{changes: [], position: at(15)}", "gap", 10),
])
def test_a_page_moves_the_position_only_without_a_gap(module, page, outcome, cursor):
    result = module(f"""
        await stand(10);
        const {{ moved, gap }} = await apply({page});
        return [gap ? "gap" : moved ? "moved" : "same", (await position()).cursor];""")
    assert result == [outcome, cursor]


def test_the_first_epoch_is_learned_from_cursor_zero(module):
    assert module("""
        await stand(0, "empty");
        await apply({ changes: [change(1)], position: at(1, "first") });
        return position();""") == {"cursor": 1, "epoch": "first"}


def test_unknown_operations_count_and_change_nothing(module):
    assert module("""
        await stand(10);
        await apply({ changes: [{ ...change(11), op: "later" }], position: at(11) });
        return [(await position()).cursor, (await storage.read((tx) => tx.all("records"))).length];
    """) == [11, 0]


def test_replay_ends_with_the_change_and_the_queue_with_the_result(module):
    """Replay and queue are two things."""
    assert module("""
        const queue = new MutationQueue();
        const rows = () => storage.read((tx) => tx.all("mutations"));
        const flags = async () => (await rows()).map((row) => [row.queued, row.replayed]);
        const seen = [];
        for (const name of ["a", "b"]) {
            await storage.append([queue.add(name, {})]);
        }
        const [a, b] = await rows();
        await storage.write((tx) => queue.observe(tx, [change(11, "t", a.id)], at(11)));
        seen.push(await flags());
        const results = [a, b].map(({ id }, index) => ({ id, ok: true, ...at(11 + 2 * index) }));
        await storage.write((tx) => queue.settle(tx, [a, b], results, at(11)));
        seen.push(await flags());
        await storage.write((tx) => queue.observe(tx, [], at(12)));
        seen.push(await flags());
        await storage.write((tx) => queue.observe(tx, [], at(13)));
        seen.push(await flags());
        return seen;
    """) == [[[True, False], [True, True]], [[False, True]], [[False, True]], []]


def test_a_result_of_another_epoch_is_replayed_until_a_pull_has_compared(module):
    assert module("""
        const queue = new MutationQueue();
        await storage.append([queue.add("a", {})]);
        const batch = await storage.read((tx) => queue.head(tx, 100));
        const results = [{ id: batch[0].id, ok: true, ...at(5, "new") }];
        const settled = await storage.write((tx) =>
            queue.settle(tx, batch, results, at(20, "old")));
        return [settled, (await storage.read((tx) => tx.all("mutations"))).length];
    """) == [{"retry": None, "behind": True, "pull": True}, 1]


def test_settled_mutations_end_at_the_head_and_later_ones_do_not(module):
    """Only what was settled before the pull was asked for is decided by its answer."""
    assert module("""
        const queue = new MutationQueue();
        await storage.append([queue.add("a", {}), queue.add("b", {})]);
        const batch = await storage.read((tx) => queue.head(tx, 100));
        const results = batch.map(({ id }) => ({ id, ok: true, ...at(50, "lost") }));
        await storage.write((tx) => queue.settle(tx, batch, results, at(10)));
        await storage.write((tx) => queue.observe(tx, [], at(11), [batch[0].id]));
        const rows = await storage.read((tx) => tx.all("mutations"));
        return rows.map((row) => row.name);
    """) == ["b"]


def test_only_the_refused_client_is_set_aside(module):
    """A tab that was frozen meanwhile brings the refusal of a client that is gone."""
    assert module("""
        const queue = new MutationQueue();
        const replica = { change: (work) => storage.write(work) };
        await storage.write((tx) => tx.put("meta", "client", "present"));
        await storage.append([queue.add("a", {})]);
        const left = async () => (await storage.read((tx) => tx.all("mutations"))).length;
        await setAside(replica, "gone");
        const before = await left();
        await setAside(replica, "present");
        const client = await storage.read((tx) => tx.get("meta", "client"));
        return [before, await left(), client.length];
    """) == [1, 0, 32]


def test_an_applier_that_throws_leaves_no_trace(module):
    assert module("""
        const rows = ["half", "whole"].map((name) =>
            ({ id: name, name, args: {}, replayed: true, queued: true }));
        const overlay = new Overlay(new Map(), rows, {
            half: (store) => { store.put("todo", "x", { id: "x" }); throw new Error(); },
            whole: (store) => store.put("todo", "y", { id: "y" }),
        });
        return [overlay.all("todo").map((todo) => todo.id), overlay.isPending("todo", "x")];
    """) == [["y"], False]


def test_a_failed_transaction_of_the_memory_storage_leaves_no_trace(module):
    assert module("""
        await stand(3);
        await storage.write(async (tx) => {
            await tx.put("meta", "position", at(9));
            throw new Error("no");
        }).catch(() => {});
        return (await position()).cursor;""") == 3


def test_a_snapshot_in_pages_is_pulled_to_the_head_before_it_shows(server, open_page, watch):
    """The first page's position counts; what later pages saw too early is written again."""
    watch.network_may_fail = True
    todo = open_page()
    todo.add("Old")
    todo.expect_synced()
    todo.page.evaluate("mizu.live.close()")
    faults = Faults().over(todo.page)

    def record(id, title, created):
        time = f"2026-01-01T00:00:0{created}.000Z"
        data = {"id": id, "title": title, "done": False, "created": time}
        return {"entity": "todo", "id": id, "data": data}

    def change(cursor, id, op, title=""):
        made = {"cursor": cursor, "scope": "_default", "entity": "todo", "id": id, "op": op,
                "time": "2026-01-01T00:00:00.000Z", "mutation": f"m{cursor}"}
        return made if op == "delete" else {**made, "data": record(id, title, 1)["data"]}

    page = {"epoch": "e", "count": 3}
    faults.refuse(PULL, 410, "epoch_changed")
    faults.answer(SNAPSHOT, 200, {**page, "cursor": 10, "has_more": True, "next": "two",
                                  "records": [record("a", "A", 1), record("b", "B", 2)]})
    faults.answer(SNAPSHOT, 500, {"code": "internal_error", "error": "broken on the way"})
    faults.answer(SNAPSHOT, 200, {**page, "cursor": 12, "has_more": False,
                                  "records": [record("c", "C", 3)]})
    faults.answer(PULL, 200, {"changes": [change(11, "a", "update", "A2")], "has_more": True,
                              "next_cursor": 11, "epoch": "e"})
    faults.answer(PULL, 200, {"changes": [change(12, "b", "delete")], "has_more": False,
                              "next_cursor": 12, "epoch": "e"})
    faults.answer(PULL, 200, {"changes": [], "has_more": False, "next_cursor": 12, "epoch": "e"},
                  times=50)
    todo.page.evaluate("() => { Math.random = () => 0.01; mizu.client.pull(); }")
    todo.expect_titles("A2", "C")
    assert todo.page.evaluate("mizu.client.position") == {"cursor": 12, "epoch": "e"}
    requests = faults.bodies(SNAPSHOT)
    assert [one.get("next") for one in requests] == [None, "two", "two"]
    pulls = [one["cursor"] for one in faults.bodies(PULL)]
    # And as often as it asks what is new meanwhile.
    begun = pulls.index(10)
    assert pulls[begun:begun + 2] == [10, 11] and set(pulls[begun + 2:]) <= {12}, pulls
