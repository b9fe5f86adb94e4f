"""Storage that is slow, busy, taken away or broken: what people typed and saw outlives it."""

import json

import pytest
from playwright.sync_api import expect

import stored
from faults import Faults
from todo_page import TodoPage

PUSH, PULL, SNAPSHOT = "/_sync/push", "/_sync/pull", "/_sync/snapshot"


def record(id: str, title: str, created: int) -> dict:
    data = {"id": id, "title": title, "done": False,
            "created": f"2026-01-01T00:00:0{created}.000Z"}
    return {"entity": "todo", "id": id, "data": data}


@pytest.fixture
def faulty(open_page, watch):
    """A synced page whose requests can be made to fail. Live is off: only answers count here."""
    watch.network_may_fail = True
    todo = open_page()
    todo.add("Old")
    todo.expect_synced()
    todo.page.evaluate("mizu.live.close()")
    todo.page.evaluate("mizu.client.sync()")
    todo.page.evaluate("() => { Math.random = () => 0.01; }")
    return todo, Faults().over(todo.page)


def cleared(todo, faults):
    stored.clear(todo.page)


def wrong_user(todo, faults):
    faults.refuse(PUSH, 403, "wrong_user")
    todo.add("Of somebody else")
    expect(todo.pending).to_have_count(0)


def denied(todo, faults):
    todo.page.evaluate("mizu.client.lose({ code: 'scope_denied', error: 'a test says so' })")
    todo.page.evaluate("() => { mizu.client.resume(); }")


@pytest.mark.parametrize("take_away", [cleared, wrong_user, denied])
def test_a_snapshot_whose_progress_is_taken_away_begins_anew(faulty, take_away):
    """What came after that is a part of the records, and must not be taken for all of them."""
    todo, faults = faulty
    at = {"cursor": 10, "epoch": "e"}
    first = {**at, "count": 3, "has_more": True, "next": "two",
             "records": [record("a", "A", 1), record("b", "B", 2)]}
    last = {**at, "count": 3, "has_more": False, "records": [record("c", "C", 3)]}
    head = {"changes": [], "has_more": False, "next_cursor": 10, "epoch": "e"}
    faults.refuse(PULL, 410, "epoch_changed")
    faults.answer(SNAPSHOT, 200, first)
    held = faults.hold_answer(SNAPSHOT, last)
    faults.answer(SNAPSHOT, 200, first)
    faults.answer(SNAPSHOT, 200, last)
    faults.answer(PULL, 200, head, times=50)
    todo.page.evaluate("() => { mizu.client.pull(); }")
    held.wait(todo.page)
    take_away(todo, faults)
    held.release()
    for title in ("A", "B", "C"):
        expect(todo.item(title)).to_have_count(1)
    kept = [one["id"] for one in stored.values(todo.page, "records")]
    assert kept == ["a", "b", "c"]
    nexts = [one.get("next") for one in faults.bodies(SNAPSHOT)]
    assert nexts == [None, "two", None, "two"]


def test_a_410_in_the_middle_of_a_snapshot_waits_longer_each_time(faulty):
    todo, faults = faulty
    waits = [1850, 3700, 7400, 14_800]  # a part of 5 s (0.37, by chance), doubling
    todo.page.evaluate("""(waits) => {
        Math.random = () => 0.37;
        window.waited = [];
        const { setTimeout } = window;
        window.setTimeout = (act, milliseconds, ...rest) => {
            if (!waits.includes(milliseconds)) return setTimeout(act, milliseconds, ...rest);
            waited.push(milliseconds);
            return setTimeout(act, 1, ...rest);
        };
    }""", waits)
    page = {"cursor": 10, "epoch": "e", "count": 3, "has_more": True, "next": "two",
            "records": [record("a", "A", 1)]}
    faults.refuse(PULL, 410, "epoch_changed")
    for _ in range(3):
        faults.answer(SNAPSHOT, 200, page)
        faults.refuse(SNAPSHOT, 410, "cursor_too_old")
    faults.answer(SNAPSHOT, 200, {**page, "has_more": False})
    faults.answer(PULL, 200, {"changes": [], "has_more": False, "next_cursor": 10, "epoch": "e"},
                  times=50)
    todo.page.evaluate("() => { mizu.client.pull(); }")
    todo.expect_titles("A")
    assert todo.page.evaluate("waited") == waits


# A transaction over everything, kept open by asking again and again until it is told to end.
HOLD = """() => { %s
    window.holding = new Promise((held) => connected((database) => {
        const transaction = database.transaction(database.objectStoreNames, "readwrite");
        const ask = () => {
            const request = transaction.objectStore("meta").get("client");
            request.onsuccess = () => { held(); if (!window.mayEnd) ask(); };
        };
        window.mayEnd = false;
        ask();
        return over(transaction).catch(() => {});
    }));
    return holding;
}""" % stored.CONNECTED


@pytest.mark.parametrize("where", ["same tab", "other tab"])
def test_edits_made_in_the_moment_of_a_reload_are_kept(
        server, new_context, open_page, where):
    """An open transaction keeps others waiting, and what waits is dropped with its page."""
    context = new_context()
    todo, other = open_page(context), open_page(context)
    titles = [f"Last moment {number:02}" for number in range(8)]
    for tab in (todo, other):
        tab.expect_synced()
    for title in titles:
        holder = todo if where == "same tab" else other
        holder.page.evaluate(HOLD)
        todo.page.evaluate("""(title) => {
            const client = window.mizu.client;
            for (const part of ["a", "b"]) {
                const full = `${title}${part}`;
                client.mutate("todo.create", { id: full, title: full });
            }
            location.reload();
        }""", title)
        if where == "other tab":
            holder.page.evaluate("() => { window.mayEnd = true; }")
        expect(todo.item(f"{title}b")).to_be_visible()
        todo._wait("() => window.mizu !== undefined")
    todo.expect_synced()
    assert server.titles() == [f"{title}{part}" for title in titles for part in "ab"]
    assert todo.page.evaluate("Object.keys(localStorage)") == []


# Counts the rows of the queue (and their args) that a tab reads out of storage.
COUNT_ROWS = """() => {
    window.rowsRead = 0;
    for (const type of [IDBObjectStore, IDBIndex]) {
        for (const verb of ["get", "getAll"]) {
            const original = type.prototype[verb];
            type.prototype[verb] = function (...rest) {
                const request = original.apply(this, rest);
                const store = this.objectStore ?? this;
                if (["mutations", "args"].includes(store.name)) {
                    request.addEventListener("success", () => {
                        const { result } = request;
                        rowsRead += Array.isArray(result) ? result.length : Number(Boolean(result));
                    });
                }
                return request;
            };
        }
    }
}"""


def test_a_change_costs_the_same_however_long_the_queue_is(server, new_context, open_page, watch):
    watch.network_may_fail = True
    context = new_context()
    one, two = open_page(context), open_page(context)
    for tab in (one, two):
        tab.expect_state("online")
    context.set_offline(True)
    for tab in (one, two):
        tab.expect_state("offline")
    one.page.evaluate("""async () => {
        const ids = [];
        for (let n = 0; n < 300; n++) ids.push(mizu.client.mutate(
            "todo.create", { id: `t${n}`, title: `Title ${n}`, ballast: "x".repeat(2000) }));
        await mizu.client.saved(ids.at(-1));
    }""")
    count = 300
    two._wait(f"() => mizu.client.status.waiting === {count}")
    for tab in (one, two):
        tab.page.evaluate(COUNT_ROWS)
    reads = []
    while not reads or max(reads[-1]) > 5 * 4:
        # Now and then a client tries to push, and reads the head of the queue for that; between two
        # tries there is time for five edits.
        assert len(reads) < 20, reads
        for tab in (one, two):
            tab.page.evaluate("() => { window.rowsRead = 0; }")
        for number in range(count, count + 5):
            one.mutate("todo.create", {"id": f"later{number}", "title": f"Later {number}"})
        count += 5
        two._wait(f"() => mizu.client.status.waiting === {count}")
        reads.append([tab.page.evaluate("rowsRead") for tab in (one, two)])
    context.set_offline(False)
    for tab in (one, two):
        expect(tab.status).not_to_contain_text("waiting", timeout=60_000)
        tab.expect_synced(timeout=60_000)
    read = [tab.page.evaluate("rowsRead") for tab in (one, two)]
    assert sum(read) <= count * 12, read
    assert len(server.todos()) == count


def test_a_queue_of_the_first_layout_is_taken_over(server, open_page, new_context, watch):
    watch.network_may_fail = True  # /healthz has no icon
    context = new_context()
    page = context.new_page()
    page.goto(server.url + "healthz")
    row = {"id": "m1", "name": "todo.create", "args": {"id": "t1", "title": "Typed long ago"},
           "time": "2026-01-01T00:00:00.000Z", "bytes": 90, "queued": True, "replayed": True,
           "result": None, "refusal": None, "failures": 0}
    page.evaluate("""([name, row]) => new Promise((resolve) => {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => {
            for (const store of ["meta", "mutations", "records", "aside"]) {
                request.result.createObjectStore(store, { autoIncrement: store === "mutations" });
            }
            request.transaction.objectStore("meta").put("c1", "client");
            request.transaction.objectStore("mutations").put({ ...row, id: "m0" }, 7);
            request.transaction.objectStore("mutations").delete(7);
            request.transaction.objectStore("mutations").add(row);
        };
        request.onsuccess = () => { request.result.close(); resolve(); };
    })""", [stored.NAME, row])
    todo = open_page(context)
    todo.expect_titles("Typed long ago")
    todo.expect_synced()
    assert server.titles() == ["Typed long ago"]
    assert todo.page.evaluate("mizu.client.edits") == []


def deleted(todo: TodoPage):
    todo.page.evaluate("""(name) => new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name);
        request.onsuccess = () => resolve();
        request.onerror = () => reject(request.error);
    })""", stored.NAME)


def cleared_by_the_browser(todo: TodoPage):
    session = todo.page.context.new_cdp_session(todo.page)
    session.send("Storage.clearDataForOrigin", {
        "origin": todo.page.url.rstrip("/"), "storageTypes": "indexeddb"})


def test_an_edit_whose_transaction_the_browser_ends_is_kept_by_a_second_one(open_page):
    """As when the storage is cleared while an edit is on its way into it."""
    todo = open_page()
    todo.add("Confirmed")
    todo.expect_synced()
    todo.page.evaluate(
        """() => {
            const { transaction } = IDBDatabase.prototype;
            IDBDatabase.prototype.transaction = function (stores, mode, options) {
                const made = transaction.call(this, stores, mode, options);
                if (options?.durability === "strict") {
                    IDBDatabase.prototype.transaction = transaction;
                    window.ended = true;
                    queueMicrotask(() => made.abort());
                }
                return made;
            };
        }""")
    todo.add("Waiting")
    todo.expect_synced()
    assert todo.page.evaluate("window.ended") is True
    todo.expect_titles("Confirmed", "Waiting")
    assert todo.page.evaluate("mizu.client.status.storage") == "indexeddb"


@pytest.mark.parametrize("take_away", [deleted, cleared_by_the_browser])
def test_storage_deleted_under_an_open_page_is_told_and_costs_nothing_on_the_screen(
        server, new_context, open_page, watch, take_away):
    """A rejection that nobody handles fails this test, as in each: see `watch`."""
    watch.network_may_fail = True
    context = new_context()
    todo, other = open_page(context), open_page()
    todo.add("Confirmed")
    todo.expect_synced()
    context.set_offline(True)
    todo.expect_state("offline")
    todo.add("Waiting")
    expect(todo.pending).to_have_count(1)
    take_away(todo)
    expect(todo.status).to_contain_text("storage went away")
    todo.expect_titles("Confirmed", "Waiting")
    assert todo.page.evaluate("[mizu.client.status.storage, mizu.client.status.isStorageLost]") \
        == ["memory", True]
    todo.add("Typed afterwards")
    context.set_offline(False)
    todo.expect_synced(timeout=60_000)
    other.expect_titles("Confirmed", "Waiting", "Typed afterwards")
    other.checkbox("Waiting").check()
    expect(todo.checkbox("Waiting")).to_be_checked()
    assert server.titles() == ["Confirmed", "Typed afterwards", "Waiting"]


# indexedDB.open says nothing until `answer()` is called.
SILENT_OPEN = """
    const { open } = IDBFactory.prototype;
    const answers = [];
    IDBFactory.prototype.open = function (...rest) {
        const request = {};
        const pass = (name, real) => (event) => {
            Object.assign(request, { result: name === "onerror" ? undefined : real.result,
                error: real.readyState === "done" ? real.error : null,
                transaction: real.transaction });
            request[name]?.(event);
        };
        answers.push(() => {
            const real = open.apply(this, rest);
            for (const name of ["onupgradeneeded", "onsuccess", "onerror"]) {
                real[name] = pass(name, real);
            }
        });
        return request;
    };
    window.answer = () => {
        IDBFactory.prototype.open = open;
        for (const act of answers) act();
    };
"""


def test_storage_that_does_not_answer_delays_nothing_and_loses_nothing(
        server, new_context, open_page, watch):
    watch.network_may_fail = True
    context = new_context()
    context.add_init_script(SILENT_OPEN)
    todo = open_page(context)
    context.set_offline(True)
    todo.add("Shown at once")
    todo.expect_titles("Shown at once")
    expect(todo.status).to_contain_text("only as long as this page")  # memory has taken over
    todo.add("Typed into memory")
    expect(todo.pending).to_have_count(2)
    todo.page.evaluate("answer()")
    expect(todo.status).not_to_contain_text("only as long as this page")
    todo.expect_titles("Shown at once", "Typed into memory")
    rows = stored.values(todo.page, "args")
    assert sorted(one["args"]["title"] for one in rows) == ["Shown at once", "Typed into memory"]
    context.set_offline(False)
    todo.expect_synced(timeout=60_000)
    assert server.titles() == ["Shown at once", "Typed into memory"]


def test_typed_text_shows_before_storage_has_answered(server, new_context, open_page):
    context = new_context()
    context.add_init_script(SILENT_OPEN)
    # The bound after which memory takes over never comes here.
    context.add_init_script("""
        const { setTimeout } = window;
        window.setTimeout = (act, milliseconds, ...rest) =>
            milliseconds === 2500 ? 0 : setTimeout(act, milliseconds, ...rest);""")
    todo = open_page(context)
    todo.add("Shown at once")
    todo.expect_titles("Shown at once")
    assert todo.page.evaluate("window.mizu === undefined")


def test_an_edit_that_a_closed_page_left_in_the_journal_is_taken_up_once(
        server, new_context, open_page, watch):
    """Another tab may have it on its way at the same moment: the queue takes an id once."""
    watch.network_may_fail = True  # /healthz has no icon
    context = new_context()
    page = context.new_page()
    page.goto(server.url + "healthz")
    row = {"id": "m1", "name": "todo.create", "args": {"id": "t1", "title": "Left behind"},
           "time": "2026-01-01T00:00:00.000Z", "bytes": 90, "queued": True, "replayed": True,
           "result": None, "refusal": None, "failures": 0}
    page.evaluate("([key, row]) => localStorage.setItem(key, row)",
                  [f"mizu-journal:{stored.NAME}:0", json.dumps(row)])
    for tab in (open_page(context), open_page(context)):
        tab.expect_titles("Left behind")
        tab.expect_synced()
    assert server.titles() == ["Left behind"]
    assert page.evaluate("localStorage.length") == 0
