"""Browsers that lack things: the page does its best with the rest, and says so where it matters."""

import pytest
from playwright.sync_api import expect

BROKEN_STORAGE = {
    "missing": 'Object.defineProperty(window, "indexedDB", { value: undefined });',
    "throwing": """IDBFactory.prototype.open = () => {
        throw new DOMException("not here", "SecurityError"); };""",
    "failing": """IDBDatabase.prototype.transaction = () => {
        throw new DOMException("disk is gone", "UnknownError"); };""",
}

INSECURE = """
    Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
    Object.defineProperty(Crypto.prototype, "randomUUID", { value: undefined });
    delete Navigator.prototype.serviceWorker;
"""


@pytest.mark.parametrize("kind", BROKEN_STORAGE)
def test_without_storage_edits_live_in_memory(server, new_context, open_page, kind):
    context = new_context()
    context.add_init_script(BROKEN_STORAGE[kind])
    todo, other = open_page(context), open_page()
    todo.add("In memory")
    other.expect_titles("In memory")
    todo.expect_synced()
    expect(todo.status).to_contain_text("only as long as this page")
    other.checkbox("In memory").check()
    expect(todo.checkbox("In memory")).to_be_checked()
    assert server.titles() == ["In memory"]


def test_an_insecure_context_lacks_nothing_that_matters(server, new_context, open_page):
    context = new_context()
    context.add_init_script(INSECURE)
    todo, other = open_page(context), open_page()
    todo.add("Without locks", "And without randomUUID")
    other.expect_titles("Without locks", "And without randomUUID")
    todo.expect_synced()
    todo.page.reload()
    todo.expect_titles("Without locks", "And without randomUUID")
    todo.expect_synced()
    assert len(server.todos()) == 2


def test_without_websockets_the_page_polls(server, new_context, open_page):
    context = new_context()
    context.add_init_script("""window.WebSocket = class {
        constructor() { throw new DOMException("blocked", "SecurityError"); } };""")
    todo = open_page(context)
    todo.expect_state("online")
    created = {"id": "t1", "title": "Found by a poll"}
    server.push({"id": "m1", "name": "todo.create", "args": created})
    todo.expect_titles("Found by a poll")
    todo.add("Sent by a push")
    todo.expect_synced()
    assert server.titles() == ["Found by a poll", "Sent by a push"]


def test_an_edit_that_storage_refuses_is_told_and_not_kept(server, open_page):
    todo = open_page()
    todo.expect_state("online")
    todo.page.evaluate("""() => {
        IDBObjectStore.prototype.add = () => {
            throw new DOMException("full", "QuotaExceededError"); };
    }""")
    outcome = todo.page.evaluate("""() => {
        const id = mizu.client.mutate("todo.create", { id: "x", title: "Too much" });
        return mizu.client.saved(id).then(() => "saved", () => "not saved");
    }""")
    assert outcome == "not saved"
    expect(todo.items).to_have_count(0)
    assert todo.page.evaluate("mizu.client.status.problem.code") == "not_saved"


def test_saved_tells_of_each_edit_that_was_not_kept_whenever_it_is_asked(server, open_page):
    todo = open_page()
    todo.expect_state("online")
    outcomes = todo.page.evaluate("""async () => {
        const { add } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.add = () => {
            throw new DOMException("full", "QuotaExceededError"); };
        const ids = [1, 2, 3].map((n) =>
            mizu.client.mutate("todo.create", { id: `t${n}`, title: `Title ${n}` }));
        const told = (id) => mizu.client.saved(id).then(() => "saved", (error) => error.name);
        const outcomes = [];
        for (const id of ids) outcomes.push(await told(id));
        IDBObjectStore.prototype.add = add;
        const kept = mizu.client.mutate("todo.create", { id: "t4", title: "Kept" });
        outcomes.push(await told(kept), await told(kept), await told(ids[0]));
        return outcomes;
    }""")
    full = "QuotaExceededError"
    assert outcomes == [full, full, full, "saved", "saved", full]
    todo.page.reload()
    todo.expect_titles("Kept")


def test_changes_that_storage_refuses_are_told_and_come_later(server, open_page):
    todo = open_page()
    todo.expect_state("online")
    todo.page.evaluate("""() => {
        const put = IDBObjectStore.prototype.put;
        window.mend = () => { IDBObjectStore.prototype.put = put; };
        IDBObjectStore.prototype.put = function (...rest) {
            if (this.name !== "records") return put.apply(this, rest);
            throw new DOMException("full", "QuotaExceededError");
        };
    }""")
    server.push({"id": "m1", "name": "todo.create", "args": {"id": "t1", "title": "From afar"}})
    todo.expect_state("error")
    expect(todo.status).to_contain_text("This browser could not keep what came")
    todo.page.evaluate("mend()")
    todo.expect_titles("From afar")
    todo.expect_synced()
